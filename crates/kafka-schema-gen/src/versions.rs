//! Sets of message versions, as the definitions write them: `0+`, `3-13`, `5`, `none`.
//!
//! A set holds versions 0 to 63; a definition that goes beyond is refused, not cut.

use std::fmt;

/// A set of message versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct VersionSet(u64);

/// Versions that a set can hold, and the end of an open range.
const LAST: u8 = 63;

impl VersionSet {
    pub(crate) const EMPTY: Self = Self(0);

    /// Reads `none`, `N`, `N+` or `N-M`.
    ///
    /// # Errors
    /// A message for the person who runs the generator, without the place.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::EMPTY);
        }
        if let Some(first) = text.strip_suffix('+') {
            return Ok(Self::range(number(first, text)?, LAST));
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last) = (number(first, text)?, number(last, text)?);
        if first > last {
            return Err(format!("version range `{text}` ends before it starts"));
        }
        Ok(Self::range(first, last))
    }

    /// Every version from `first` to `last`, both included; none when `last` is lower.
    pub(crate) fn range(first: u8, last: u8) -> Self {
        (first..=last.min(LAST)).map(Self::of).fold(Self::EMPTY, Self::union)
    }

    /// The set of one version.
    pub(crate) fn of(version: u8) -> Self {
        Self(1_u64.checked_shl(u32::from(version)).unwrap_or(0))
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn contains(self, version: u8) -> bool {
        self.intersect(Self::of(version)) != Self::EMPTY
    }

    pub(crate) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn intersect(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) fn is_subset_of(self, other: Self) -> bool {
        self.minus(other).is_empty()
    }

    /// Every version of the set, lowest first.
    pub(crate) fn iter(self) -> impl Iterator<Item = u8> {
        (0..=LAST).filter(move |version| self.contains(*version))
    }

    pub(crate) fn first(self) -> Option<u8> {
        self.iter().next()
    }

    pub(crate) fn last(self) -> Option<u8> {
        self.iter().last()
    }

    /// The set as ranges without gaps, lowest first.
    pub(crate) fn ranges(self) -> Vec<Self> {
        let mut ranges: Vec<Self> = Vec::new();
        let mut previous = None;
        for version in self.iter() {
            let joins = previous.is_some_and(|before: u8| before.checked_add(1) == Some(version));
            match ranges.last_mut() {
                Some(range) if joins => *range = range.union(Self::of(version)),
                _ => ranges.push(Self::of(version)),
            }
            previous = Some(version);
        }
        ranges
    }

    /// The two ends, when the set is one range without a gap.
    pub(crate) fn ends(self) -> Option<(u8, u8)> {
        let (first, last) = (self.first()?, self.last()?);
        (Self::range(first, last) == self).then_some((first, last))
    }
}

impl fmt::Display for VersionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        let texts = self.ranges().into_iter().filter_map(Self::ends).map(|(first, last)| {
            if first == last { first.to_string() } else { format!("{first}-{last}") }
        });
        f.write_str(&texts.collect::<Vec<_>>().join(", "))
    }
}

fn number(text: &str, whole: &str) -> Result<u8, String> {
    match text.parse::<u8>() {
        Ok(number) if number <= LAST => Ok(number),
        _ => Err(format!(
            "cannot read `{whole}` as versions: expected `none`, `N`, `N+` or `N-M` with numbers \
             from 0 to {LAST}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::VersionSet;

    fn parse(text: &str) -> VersionSet {
        VersionSet::parse(text).unwrap()
    }

    #[test]
    fn the_four_forms_are_read() {
        assert_eq!(parse("none").iter().count(), 0);
        assert_eq!(parse("5").iter().collect::<Vec<_>>(), [5]);
        assert_eq!(parse("3-6").iter().collect::<Vec<_>>(), [3, 4, 5, 6]);
        assert_eq!((parse("12+").first(), parse("12+").last()), (Some(12), Some(63)));
        assert_eq!(parse("0+").iter().count(), 64);
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "+", "-", "3-", "-3", "a+", "0-64", "64", "5-3", "1-2-3", " 1"] {
            assert!(VersionSet::parse(text).is_err(), "`{text}` was read");
        }
    }

    #[test]
    fn a_set_with_a_gap_is_two_ranges() {
        let set = parse("0-2").union(parse("5"));
        assert_eq!(set.ranges(), [parse("0-2"), parse("5")]);
        assert_eq!(set.ends(), None);
        assert_eq!(parse("0-2").ends(), Some((0, 2)));
        assert_eq!(set.to_string(), "0-2, 5");
        assert_eq!(VersionSet::EMPTY.ranges(), []);
    }

    #[test]
    fn sets_are_compared_as_sets() {
        assert!(parse("2-3").is_subset_of(parse("1+")));
        assert!(!parse("0-3").is_subset_of(parse("1+")));
        assert_eq!(parse("0-9").minus(parse("3+")), parse("0-2"));
        assert_eq!(parse("0-9").intersect(parse("8+")), parse("8-9"));
    }
}
