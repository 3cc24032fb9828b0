//! Label values as small numbers: each text is held once, as long as a series has it.

use std::collections::HashMap;
use std::sync::Arc;

/// A label value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Symbol(u32);

/// All label values.
#[derive(Debug, Default)]
pub(crate) struct Symbols {
    known: HashMap<Arc<str>, Symbol>,
    slots: Vec<Slot>,
    free: Vec<Symbol>,
    bytes: usize,
}

#[derive(Debug)]
struct Slot {
    text: Arc<str>,
    uses: u32,
}

impl Symbols {
    /// The symbol of a text, used once more.
    pub(crate) fn take(&mut self, text: &str) -> Symbol {
        if let Some(symbol) = self.known.get(text).copied() {
            if let Some(slot) = self.slot(symbol) {
                slot.uses = slot.uses.saturating_add(1);
            }
            return symbol;
        }
        let text: Arc<str> = text.into();
        self.bytes += text.len();
        let slot = Slot { text: Arc::clone(&text), uses: 1 };
        let symbol = match self.free.pop() {
            Some(symbol) => {
                if let Some(place) = self.slot(symbol) {
                    *place = slot;
                }
                symbol
            }
            None => {
                self.slots.push(slot);
                Symbol(u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX))
            }
        };
        self.known.insert(text, symbol);
        symbol
    }

    /// Undoes one [`take`](Self::take); the last one forgets the text.
    pub(crate) fn give_back(&mut self, symbol: Symbol) {
        let Some(slot) = self.slot(symbol) else { return };
        slot.uses = slot.uses.saturating_sub(1);
        if slot.uses == 0 {
            let text = std::mem::take(&mut slot.text);
            self.bytes -= text.len();
            self.known.remove(&text);
            self.free.push(symbol);
        }
    }

    /// The text of a symbol that is in use.
    pub(crate) fn text(&self, symbol: Symbol) -> &Arc<str> {
        static NONE: std::sync::LazyLock<Arc<str>> = std::sync::LazyLock::new(|| "".into());
        usize::try_from(symbol.0)
            .ok()
            .and_then(|place| self.slots.get(place))
            .map_or(&NONE, |slot| &slot.text)
    }

    /// Bytes of all texts.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn slot(&mut self, symbol: Symbol) -> Option<&mut Slot> {
        usize::try_from(symbol.0).ok().and_then(|place| self.slots.get_mut(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_lives_as_long_as_it_is_used() {
        let mut symbols = Symbols::default();
        let first = symbols.take("orders");
        assert_eq!(symbols.take("orders"), first);
        let other = symbols.take("payments");
        assert_ne!(other, first);
        assert_eq!(symbols.bytes(), 14);
        symbols.give_back(first);
        assert_eq!(&**symbols.text(first), "orders");
        symbols.give_back(first);
        assert_eq!(symbols.bytes(), 8);
        assert_eq!(symbols.take("carts"), first, "the place is used again");
        assert_eq!(&**symbols.text(other), "payments");
    }
}
