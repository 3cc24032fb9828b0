//! Which known name somebody may have meant.

/// The nearest of the known names, if one is near enough to be meant.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let most = 1 + name.len() / 4;
    known
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Letters to insert, delete or replace (Levenshtein); letters' case is no difference.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().take(LENGTH_MAX).map(|l| l.to_ascii_lowercase()).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (above, letter) in one.chars().take(LENGTH_MAX).enumerate() {
        let mut diagonal = above;
        let mut left = above + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, candidate) in row.iter_mut().skip(1).zip(&other) {
            let replaced = diagonal + usize::from(letter.to_ascii_lowercase() != *candidate);
            diagonal = *cell;
            left = replaced.min(left + 1).min(*cell + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

/// The work is quadratic, and no name is so long.
const LENGTH_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::{distance, nearest};

    #[test]
    fn distances_are_levenshteins() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("flaw", "lawn"), 2);
        assert_eq!(distance("Port", "port"), 0);
    }

    #[test]
    fn only_what_is_near_is_meant() {
        let known = ["brokers", "retries", "user"];
        assert_eq!(nearest("broker", known.into_iter()), Some("brokers"));
        assert_eq!(nearest("retry", known.into_iter()), None);
        assert_eq!(nearest("uesr", known.into_iter()), Some("user"));
        assert_eq!(nearest("compression", known.into_iter()), None);
    }
}
