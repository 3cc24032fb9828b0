//! Names of topics, exact or with `*` at their end.

use std::collections::HashSet;

/// A set of topics.
pub(super) enum Topics {
    /// Every one.
    All,
    /// Some of them.
    Some {
        /// These.
        names: HashSet<String>,
        /// And those that begin so.
        prefixes: Vec<String>,
    },
}

impl Topics {
    /// As the settings have them: none is all.
    pub(super) fn new(patterns: &[String]) -> Self {
        if patterns.is_empty() {
            return Self::All;
        }
        let mut names = HashSet::new();
        let mut prefixes = Vec::new();
        for pattern in patterns {
            match pattern.strip_suffix('*') {
                Some("") => return Self::All,
                Some(prefix) => prefixes.push(prefix.to_owned()),
                None => {
                    names.insert(pattern.clone());
                }
            }
        }
        Self::Some { names, prefixes }
    }

    pub(super) fn contains(&self, topic: &str) -> bool {
        match self {
            Self::All => true,
            Self::Some { names, prefixes } => {
                names.contains(topic) || prefixes.iter().any(|prefix| topic.starts_with(prefix))
            }
        }
    }
}
