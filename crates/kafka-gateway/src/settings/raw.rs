//! A tree of texts, lists and mappings from a YAML file, with the line of each: nothing is guessed, so that `0123` and
//! `1.10` stay what was written until a key says what they mean. Sizes and depths are bounded.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

/// A part of the file, or what a variable put in its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// What it is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// Any scalar, as it is spelt.
    Text(String),
    List(Vec<Node>),
    /// In the file's order; no name twice.
    Mapping(Vec<(String, Node)>),
}

/// Where it was given.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Origin {
    /// Nowhere: the root of an environment without a file.
    Nowhere,
    /// The line of the file, from 1; 0 if it is not known.
    Line(u64),
    /// The variable of the environment.
    Variable(String),
}

impl Node {
    /// What an empty file is.
    pub(super) fn empty() -> Self {
        Self { value: Value::Mapping(Vec::new()), origin: Origin::Nowhere }
    }

    /// What a mapping has under a name.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        match &self.value {
            Value::Mapping(entries) => {
                entries.iter().find(|(known, _)| known == name).map(|(_, node)| node)
            }
            _ => None,
        }
    }

    /// Puts a node under a path, over what is there.
    pub(super) fn put(&mut self, path: &[&str], node: Self) {
        let Some((name, rest)) = path.split_first() else {
            *self = node;
            return;
        };
        if !matches!(self.value, Value::Mapping(_)) {
            self.value = Value::Mapping(Vec::new());
        }
        let Value::Mapping(entries) = &mut self.value else { return };
        let place = match entries.iter().position(|(known, _)| known == name) {
            Some(place) => place,
            None => {
                entries.push(((*name).to_owned(), Self::empty()));
                entries.len() - 1
            }
        };
        if let Some((_, below)) = entries.get_mut(place) {
            below.put(rest, node);
        }
    }

    /// In messages.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Text(_) => "a single value",
            Value::List(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }
}

/// Reads a text.
///
/// # Errors
/// Where and why it is no YAML, without quoting from it.
pub(super) fn parse(text: &str) -> Result<Node, String> {
    if text.len() > FILE_MAX_BYTES {
        return Err(format!("is longer than {FILE_MAX_BYTES} bytes"));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: 16,
            max_nodes: 100_000,
            max_events: 200_000,
            max_documents: 2,
            max_aliases: 1000,
            max_anchors: 1000,
            max_merge_keys: 100,
            max_total_scalar_bytes: FILE_MAX_BYTES,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 100_000,
            max_replay_stack_depth: 8,
        },
        strict_booleans: true,
        with_snippet: false,
    };
    let read: Result<Option<Spanned<Read>>, _> = serde_saphyr::from_str_with_options(text, options);
    match read {
        Ok(Some(read)) => Ok(node(read, text)),
        Ok(None) => Ok(Node::empty()),
        Err(error) => {
            let why = error.render_with_formatter(&serde_saphyr::UserMessageFormatter);
            Err(format!("is no YAML: {why}"))
        }
    }
}

/// What the parser takes a part for.
enum Read {
    Null,
    /// A number or a boolean: its spelling is in the text still.
    Guessed(String),
    Text(String),
    List(Vec<Spanned<Read>>),
    Mapping(Vec<(String, Spanned<Read>)>),
}

fn node(read: Spanned<Read>, text: &str) -> Node {
    let line = read.referenced.line();
    let span = read.defined.span();
    let value = match read.value {
        Read::Null => Value::Null,
        Read::Text(text) => Value::Text(text),
        Read::Guessed(guess) => Value::Text(spelling(span, text).unwrap_or(guess)),
        Read::List(items) => Value::List(items.into_iter().map(|item| node(item, text)).collect()),
        Read::Mapping(entries) => Value::Mapping(
            entries.into_iter().map(|(name, entry)| (name, node(entry, text))).collect(),
        ),
    };
    Node { value, origin: Origin::Line(line) }
}

fn spelling(span: serde_saphyr::Span, text: &str) -> Option<String> {
    let begin = usize::try_from(span.byte_offset()?).ok()?;
    let length = usize::try_from(span.byte_len()?).ok()?;
    let spelt = text.get(begin..begin.checked_add(length)?)?.trim();
    (!spelt.is_empty()).then(|| spelt.to_owned())
}

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reading)
    }
}

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Read;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a value, a list or a mapping")
    }

    fn visit_unit<E>(self) -> Result<Read, E> {
        Ok(Read::Null)
    }

    fn visit_none<E>(self) -> Result<Read, E> {
        Ok(Read::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Read, E> {
        Ok(Read::Guessed(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Read, E> {
        Ok(Read::Guessed(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Read, E> {
        Ok(Read::Guessed(value.to_string()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Read, E> {
        Ok(Read::Guessed(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Read, E> {
        Ok(Read::Guessed(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Read, E> {
        Ok(Read::Guessed(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Read, E> {
        Ok(Read::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Read, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element()? {
            items.push(item);
        }
        Ok(Read::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut mapping: A) -> Result<Read, A::Error> {
        let mut entries: Vec<(String, Spanned<Read>)> = Vec::new();
        while let Some(name) = mapping.next_key::<String>()? {
            let value = mapping.next_value()?;
            if entries.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom(format_args!("the key {name} stands twice")));
            }
            entries.push((name, value));
        }
        Ok(Read::Mapping(entries))
    }
}

/// Thousands of clients and topics fit.
const FILE_MAX_BYTES: usize = 4 * 1024 * 1024;
