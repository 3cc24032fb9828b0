//! The union of Kafka releases: the newest release for every version it has, older ones for the
//! versions that it dropped (KIP-896).

use std::collections::BTreeMap;
use std::path::Path;

use crate::definition::{Definition, Direction};
use crate::error::Error;
use crate::lower::Table;
use crate::roles;
use crate::verify;
use crate::versions::VersionSet;

/// The messages of one Kafka release.
pub(crate) struct Release {
    /// Its version, as `4.3.1`.
    pub(crate) name: String,
    definitions: BTreeMap<(u8, Direction), Definition>,
}

/// One API of the union.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) key: u8,
    /// Name without `Request`.
    pub(crate) name: String,
    pub(crate) request: Table,
    pub(crate) response: Table,
    /// Versions that the newest release no longer takes.
    pub(crate) refused: VersionSet,
}

impl Release {
    /// Reads every definition of a folder that is named after its release.
    ///
    /// # Errors
    /// When the folder cannot be read, is empty, or holds something unknown.
    pub(crate) fn read(folder: &Path) -> Result<Self, Error> {
        let place = folder.display().to_string();
        let name = folder.file_name().and_then(|name| name.to_str());
        let name =
            name.ok_or_else(|| Error::new(&place, "the folder must be named after its release"))?;
        let unreadable = |error: std::io::Error| {
            Error::new(&place, format!("{error}; run make setup, which extracts the definitions"))
        };
        let mut files = Vec::new();
        for file in std::fs::read_dir(folder).map_err(unreadable)? {
            files.push(file.map_err(unreadable)?.path());
        }
        files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
        files.sort();
        let mut texts = Vec::new();
        for file in files {
            let text = std::fs::read_to_string(&file).map_err(unreadable)?;
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            texts.push((format!("{place}/{name}"), text));
        }
        Self::parse(name, texts)
    }

    /// Makes a release of texts and the names of their files.
    pub(crate) fn parse(
        name: &str,
        texts: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Error> {
        let mut definitions = BTreeMap::new();
        for (file, text) in texts {
            let Some(definition) = Definition::parse(&text, &file)? else { continue };
            let key = (definition.api_key, definition.direction);
            if let Some(other) = definitions.insert(key, definition) {
                let problem = format!("the same API key and direction as {}", other.file);
                return Err(Error::new(file, problem));
            }
        }
        if definitions.is_empty() {
            return Err(Error::new(name, "no definitions found; run make setup"));
        }
        Ok(Self { name: name.to_owned(), definitions })
    }
}

/// Joins the releases, newest first, and proves the result against each.
///
/// # Errors
/// When a release contradicts itself, or a rule for roles matches nothing.
pub(crate) fn unite(releases: &[Release]) -> Result<Vec<Api>, Error> {
    let mut keys: Vec<u8> = releases
        .iter()
        .flat_map(|release| release.definitions.keys())
        .map(|(key, _)| *key)
        .collect();
    keys.sort_unstable();
    keys.dedup();
    let mut apis = Vec::new();
    for key in keys {
        let request = table(releases, (key, Direction::Request))?;
        let response = table(releases, (key, Direction::Response))?;
        // A key without a version in any release has no layout to speak of.
        let (Some(request), Some(response)) = (request, response) else { continue };
        apis.push(api(releases, key, request, response)?);
    }
    for (index, rule) in roles::RULES.iter().enumerate() {
        let used = |table: &Table| table.rules_used.get(index) == Some(&true);
        if !apis.iter().any(|api| used(&api.request) || used(&api.response)) {
            let problem = "matches no field of any message: has Kafka renamed it?";
            return Err(Error::new(format!("roles.rs, the rule for {}", rule.role), problem));
        }
    }
    Ok(apis)
}

/// Versions of messages that an older release lays out otherwise than the newest one that has them,
/// a line for each: Kafka changes a version that it has not yet declared stable.
///
/// # Errors
/// When a definition contradicts itself.
pub(crate) fn changes(releases: &[Release]) -> Result<Vec<String>, Error> {
    let mut lines = Vec::new();
    for (index, older) in releases.iter().enumerate() {
        for (key, definition) in &older.definitions {
            let newer = releases.iter().take(index).filter_map(|newer| newer.definitions.get(key));
            let mut changed = VersionSet::EMPTY;
            for newer in newer {
                changed = changed.union(verify::differing(newer, definition)?);
            }
            if !changed.is_empty() {
                lines
                    .push(format!("{} version {changed} of Kafka {}", definition.name, older.name));
            }
        }
    }
    Ok(lines)
}

fn api(releases: &[Release], key: u8, request: Table, response: Table) -> Result<Api, Error> {
    let refuse = |problem: String| Err(Error::new(&request.name, problem));
    if request.valid != response.valid || request.flexible != response.flexible {
        return refuse("request and response differ in valid or flexible versions".to_owned());
    }
    let Some(name) = request.name.strip_suffix("Request").map(str::to_owned) else {
        return refuse("the name of a request must end in `Request`".to_owned());
    };
    let newest =
        releases.first().and_then(|release| release.definitions.get(&(key, Direction::Request)));
    let taken = newest.map_or(VersionSet::EMPTY, |definition| definition.valid);
    let refused = request.valid.minus(taken);
    if refused.last().zip(taken.first()).is_some_and(|(last, first)| last >= first) {
        return refuse(format!("refused versions {refused} are not the lowest"));
    }
    let last = request.valid.last().unwrap_or_default();
    let flexible_on = request.flexible.first().map(|first| VersionSet::range(first, last));
    if request.valid.ends().is_none() || request.flexible != flexible_on.unwrap_or_default() {
        let problem =
            "have a gap, or flexible ones are not the highest: kafka-wire's Message cannot";
        return refuse(format!("versions {} {problem} say that", request.valid));
    }
    Ok(Api { key, name, refused, request, response })
}

/// The joined table of a message, `None` when no release has a version of it.
fn table(releases: &[Release], key: (u8, Direction)) -> Result<Option<Table>, Error> {
    let mut seen = VersionSet::EMPTY;
    let mut joined: Option<Table> = None;
    let mut sources = Vec::new();
    for definition in releases.iter().filter_map(|release| release.definitions.get(&key)) {
        let taken = definition.valid.minus(seen);
        if taken.is_empty() {
            continue;
        }
        seen = seen.union(taken);
        sources.push((definition, taken));
        let table = Table::lower(definition, taken)?;
        match &mut joined {
            None => joined = Some(table),
            Some(joined) if joined.name != table.name => {
                let problem = format!("a newer release calls it {}: decide on a name", joined.name);
                return Err(Error::new(&definition.file, problem));
            }
            Some(joined) => joined.join(table),
        }
    }
    if let Some(table) = &mut joined {
        table.finish()?;
        for (definition, taken) in sources {
            verify::verify(table, definition, taken)?;
        }
    }
    Ok(joined)
}

#[cfg(test)]
mod tests;
