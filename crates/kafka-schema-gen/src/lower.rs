//! From definitions to tables: which entries a message has, and in which versions each is sent.
//!
//! Every version's entries come from one release only; entries of several releases are joined
//! where name and type agree and stand side by side where they do not. verify.rs proves the result
//! against the definitions, so the joining here may stay simple.

use std::collections::BTreeMap;

use crate::definition::{Definition, Direction, Element, FieldDef, Kind};
use crate::error::Error;
use crate::roles::{self, Scope};
use crate::versions::VersionSet;

/// One message with the layouts of all its versions.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) direction: Direction,
    pub(crate) valid: VersionSet,
    pub(crate) flexible: VersionSet,
    pub(crate) fields: Vec<Entry>,
    /// Entries of the structs by type name. Their versions are not cut to those of the fields that
    /// hold the struct: several may, as with Kafka's `commonStructs`.
    pub(crate) structs: BTreeMap<String, Vec<Entry>>,
    /// Which of [`roles::RULES`] matched.
    pub(crate) rules_used: Vec<bool>,
}

/// One field over the versions that have it in this form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) role: &'static str,
    pub(crate) versions: VersionSet,
    pub(crate) nullable: VersionSet,
    pub(crate) tag: Option<(u8, VersionSet)>,
}

/// Scalars with a form for null; arrays and structs have one too.
const NULLABLE_SCALARS: [&str; 3] = ["String", "Bytes", "Records"];

/// Structs in structs that anyone would define; more is a definition that contains itself.
const DEPTH_MAX: usize = 16;

impl Table {
    /// The table of `taken`, some of the versions of one definition.
    ///
    /// # Errors
    /// When the definition contradicts itself or a rule of KIP-482.
    pub(crate) fn lower(definition: &Definition, taken: VersionSet) -> Result<Self, Error> {
        let mut table = Self {
            name: definition.name.clone(),
            direction: definition.direction,
            valid: taken,
            flexible: definition.flexible.intersect(taken),
            fields: Vec::new(),
            structs: BTreeMap::new(),
            rules_used: vec![false; roles::RULES.len()],
        };
        table.fields = table.entries(&definition.fields)?;
        for (name, fields) in &definition.structs {
            let entries = table.entries(fields)?;
            table.structs.insert(name.clone(), entries);
        }
        Ok(table)
    }

    /// Joins the table of an older release: its versions, which this table must not have.
    pub(crate) fn join(&mut self, older: Self) {
        self.valid = self.valid.union(older.valid);
        self.flexible = self.flexible.union(older.flexible);
        join_entries(&mut self.fields, older.fields);
        for (name, entries) in older.structs {
            join_entries(self.structs.entry(name).or_default(), entries);
        }
        for (used, older) in self.rules_used.iter_mut().zip(older.rules_used) {
            *used |= older;
        }
    }

    /// Cuts entries to ranges without gaps, gives arrays of topics their role, and checks what must
    /// hold for the table as a whole. Called once, after the last [`Self::join`].
    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        self.fields = without_gaps(std::mem::take(&mut self.fields), &self.name)?;
        for entries in self.structs.values_mut() {
            *entries = without_gaps(std::mem::take(entries), &self.name)?;
        }
        self.depth()?;
        for scope in &roles::SCOPES {
            let naming = |(name, entries): (&String, &Vec<Entry>)| {
                (name.clone(), naming_versions(entries, scope))
            };
            let naming: BTreeMap<String, VersionSet> = self.structs.iter().map(naming).collect();
            mark_scope(&mut self.fields, scope, &naming, &self.name)?;
            for entries in self.structs.values_mut() {
                mark_scope(entries, scope, &naming, &self.name)?;
            }
        }
        self.valid.iter().try_for_each(|version| self.check_elements(&self.fields, version, &[]))
    }

    /// Levels of structs and arrays of structs below the body.
    ///
    /// # Errors
    /// When a struct is missing or contains itself.
    pub(crate) fn depth(&self) -> Result<usize, Error> {
        let mut level: Vec<&Entry> = self.fields.iter().collect();
        for depth in 0..DEPTH_MAX {
            let mut next = Vec::new();
            for entry in level {
                if let Element::Struct(name) = &entry.kind.element {
                    next.extend(self.struct_entries(name)?);
                }
            }
            if next.is_empty() {
                return Ok(depth);
            }
            level = next;
        }
        Err(Error::new(
            &self.name,
            format!("structs are nested deeper than {DEPTH_MAX}: does one contain itself?"),
        ))
    }

    /// Entries of a struct of this message.
    pub(crate) fn struct_entries(&self, name: &str) -> Result<&[Entry], Error> {
        let missing = || Error::new(&self.name, format!("struct `{name}` is not defined"));
        self.structs.get(name).map(Vec::as_slice).ok_or_else(missing)
    }

    fn entries(&mut self, fields: &[FieldDef]) -> Result<Vec<Entry>, Error> {
        let mut entries = Vec::new();
        for field in fields {
            let versions = field.versions.intersect(self.valid);
            if !versions.is_empty() {
                entries.push(self.entry(field, versions)?);
            }
        }
        Ok(entries)
    }

    fn entry(&mut self, field: &FieldDef, versions: VersionSet) -> Result<Entry, Error> {
        let refuse = |problem: &str| Err(Error::new(&field.place, problem));
        if roles::is_unmarked_topic(field) {
            return refuse("looks like a topic's name without entityType: extend roles.rs");
        }
        let nullable = field.nullable.intersect(versions);
        let has_null = match field.kind.element {
            Element::Scalar(scalar) => field.kind.array || NULLABLE_SCALARS.contains(&scalar),
            Element::Struct(_) => true,
        };
        if !nullable.is_empty() && !has_null {
            return refuse("a type without null has `nullableVersions`");
        }
        let tag = field.tag.map(|(number, tagged)| (number, tagged.intersect(versions)));
        let tag = tag.filter(|(_, tagged)| !tagged.is_empty());
        if tag.is_some_and(|(_, tagged)| !tagged.is_subset_of(self.flexible)) {
            return refuse(
                "`taggedVersions` outside of the message's `flexibleVersions` (KIP-482)",
            );
        }
        let rule = roles::rule_of(&self.name, self.direction, field);
        if let Some(used) = rule.and_then(|rule| self.rules_used.get_mut(rule)) {
            *used = true;
        }
        let role = rule.and_then(|rule| roles::RULES.get(rule)).map_or("None", |rule| rule.role);
        Ok(Entry {
            name: field.name.clone(),
            kind: field.kind.clone(),
            role,
            versions,
            nullable,
            tag,
        })
    }

    /// Every element of an array of structs must take at least a byte: a count chosen by the peer
    /// could otherwise keep a decoder busy without bytes. And a topic holds no topics, nor a group
    /// groups: an observer remembers one of each at a time.
    fn check_elements(
        &self,
        entries: &[Entry],
        version: u8,
        outer: &[&'static str],
    ) -> Result<(), Error> {
        for entry in entries.iter().filter(|entry| entry.versions.contains(version)) {
            let Element::Struct(name) = &entry.kind.element else { continue };
            let refuse = |problem: &str| {
                Err(Error::new(&self.name, format!("`{}` v{version} {problem}", entry.name)))
            };
            let inner = self.struct_entries(name)?;
            if entry.kind.array && !self.takes_bytes(inner, version)? {
                return refuse("has empty elements, which kafka-wire must never see");
            }
            let is_scope = roles::SCOPES.iter().any(|scope| scope.role == entry.role);
            if is_scope && outer.contains(&entry.role) {
                return refuse("is a scope inside its like, which the filter does not expect");
            }
            let scopes: Vec<_> =
                outer.iter().copied().chain(is_scope.then_some(entry.role)).collect();
            self.check_elements(inner, version, &scopes)?;
        }
        Ok(())
    }

    fn takes_bytes(&self, entries: &[Entry], version: u8) -> Result<bool, Error> {
        if self.flexible.contains(version) {
            return Ok(true);
        }
        for entry in entries.iter().filter(|entry| entry.versions.contains(version)) {
            let takes = match &entry.kind.element {
                Element::Struct(name) if !entry.kind.array && !entry.nullable.contains(version) => {
                    self.takes_bytes(self.struct_entries(name)?, version)?
                }
                _ => true,
            };
            if takes {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Entry {
    fn is_same_field(&self, other: &Self) -> bool {
        let numbers = [self.tag, other.tag].map(|tag| tag.map(|(number, _)| number));
        let tags_agree = match numbers {
            [Some(number), Some(other)] => number == other,
            _ => true,
        };
        self.name == other.name && self.kind == other.kind && self.role == other.role && tags_agree
    }

    fn join(&mut self, older: Self) {
        self.versions = self.versions.union(older.versions);
        self.nullable = self.nullable.union(older.nullable);
        self.tag = match (self.tag, older.tag) {
            (Some((number, tagged)), Some((_, older))) => Some((number, tagged.union(older))),
            (tag, older) => tag.or(older),
        };
    }
}

/// Puts the older release's entries into the newer's: each after the one it follows there.
fn join_entries(entries: &mut Vec<Entry>, older: Vec<Entry>) {
    let mut from = 0_usize;
    for entry in older {
        let same = entries.iter_mut().enumerate().skip(from).find(|(_, e)| e.is_same_field(&entry));
        match same {
            Some((index, newer)) => {
                newer.join(entry);
                from = index;
            }
            None => entries.insert(from, entry),
        }
        from = from.saturating_add(1);
    }
}

/// Kafka-wire's ranges have no gaps: an entry with one becomes several.
fn without_gaps(entries: Vec<Entry>, message: &str) -> Result<Vec<Entry>, Error> {
    let mut out = Vec::new();
    for entry in entries {
        for versions in entry.versions.ranges() {
            let nullable = entry.nullable.intersect(versions);
            let tag = entry.tag.map(|(number, tagged)| (number, tagged.intersect(versions)));
            let tag = tag.filter(|(_, tagged)| !tagged.is_empty());
            let has_gap = |set: VersionSet| set.ranges().len() > 1;
            if has_gap(nullable) || tag.is_some_and(|(_, tagged)| has_gap(tagged)) {
                let problem = "is null or tagged in versions with a gap: split it in lower.rs";
                return Err(Error::new(message, format!("`{}` {problem}", entry.name)));
            }
            out.push(Entry { versions, nullable, tag, ..entry.clone() });
        }
    }
    Ok(out)
}

/// Versions in which a struct of these entries names what the scope is of.
fn naming_versions(entries: &[Entry], scope: &Scope) -> VersionSet {
    let naming = entries.iter().filter(|entry| scope.naming.contains(&entry.role));
    naming.map(|entry| entry.versions).fold(VersionSet::EMPTY, VersionSet::union)
}

/// Gives arrays their role by the versions that they are sent in: LeaderAndIsr uses a struct with a
/// topic's name in its first versions and inside a topic without one in later ones.
fn mark_scope(
    entries: &mut [Entry],
    scope: &Scope,
    naming: &BTreeMap<String, VersionSet>,
    message: &str,
) -> Result<(), Error> {
    for entry in entries.iter_mut().filter(|entry| entry.kind.array) {
        let Element::Struct(name) = &entry.kind.element else { continue };
        let naming = naming.get(name).copied().unwrap_or_default().intersect(entry.versions);
        if entry.versions.is_subset_of(naming) {
            entry.role = scope.role;
        } else if !naming.is_empty() {
            let problem =
                format!("is of {} in some of its versions only: split it in lower.rs", scope.role);
            return Err(Error::new(message, format!("`{}` {problem}", entry.name)));
        }
    }
    Ok(())
}
