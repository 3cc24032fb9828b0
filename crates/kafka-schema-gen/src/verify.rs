//! Proof that a joined table says for every version what the definition of that version's release
//! says: the same names, types, nulls and tags, nested alike, in the same order.
//!
//! The expectation is read from the definition alone, one version at a time; it shares no code with
//! lower.rs, whose result it judges.

use crate::definition::{Definition, Element, FieldDef, Kind};
use crate::error::Error;
use crate::lower::{Entry, Table};
use crate::versions::VersionSet;

/// A field as one version sends it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    name: String,
    array: bool,
    scalar: Option<&'static str>,
    nullable: bool,
    tag: Option<u8>,
    inside: Vec<Self>,
}

/// Compares the table with the definition in these versions.
///
/// # Errors
/// Names the first version that differs, and both sides.
pub(crate) fn verify(
    table: &Table,
    definition: &Definition,
    taken: VersionSet,
) -> Result<(), Error> {
    for version in taken.iter() {
        let expected = defined(definition, &definition.fields, version)?;
        let found = tabled(table, &table.fields, version)?;
        let flexible = definition.flexible.contains(version);
        if expected != found || flexible != table.flexible.contains(version) {
            return Err(Error::new(
                &definition.file,
                format!(
                    "joining the releases changed version {version} (flexible: {flexible}); \
                     correct lower.rs\n expected {expected:?}\n found {found:?}"
                ),
            ));
        }
    }
    Ok(())
}

/// Versions that both definitions have and lay out differently; other names are no difference.
///
/// # Errors
/// When a definition contradicts itself.
pub(crate) fn differing(newer: &Definition, older: &Definition) -> Result<VersionSet, Error> {
    let mut differing = VersionSet::EMPTY;
    for version in newer.valid.intersect(older.valid).iter() {
        let mut layouts =
            [defined(newer, &newer.fields, version)?, defined(older, &older.fields, version)?];
        layouts.iter_mut().for_each(|layout| without_names(layout));
        let flexible = [newer, older].map(|definition| definition.flexible.contains(version));
        if layouts[0] != layouts[1] || flexible[0] != flexible[1] {
            differing = differing.union(VersionSet::of(version));
        }
    }
    Ok(differing)
}

fn without_names(layout: &mut [Sent]) {
    for sent in layout {
        sent.name.clear();
        without_names(&mut sent.inside);
    }
}

/// What the definition sends in a version.
pub(crate) fn defined(
    definition: &Definition,
    fields: &[FieldDef],
    version: u8,
) -> Result<Vec<Sent>, Error> {
    let present = fields.iter().filter(|field| field.versions.contains(version));
    let sent = present.map(|field| {
        let inside = match &field.kind.element {
            Element::Scalar(_) => Vec::new(),
            Element::Struct(name) => match definition.structs.get(name) {
                Some(fields) => defined(definition, fields, version)?,
                None => return Err(Error::new(&field.place, format!("no struct `{name}`"))),
            },
        };
        Ok(sent(&field.name, &field.kind, field.nullable, field.tag, inside, version))
    });
    sent.collect()
}

/// What the table sends in a version.
pub(crate) fn tabled(table: &Table, entries: &[Entry], version: u8) -> Result<Vec<Sent>, Error> {
    let present = entries.iter().filter(|entry| entry.versions.contains(version));
    let sent = present.map(|entry| {
        let inside = match &entry.kind.element {
            Element::Scalar(_) => Vec::new(),
            Element::Struct(name) => tabled(table, table.struct_entries(name)?, version)?,
        };
        Ok(sent(&entry.name, &entry.kind, entry.nullable, entry.tag, inside, version))
    });
    sent.collect()
}

fn sent(
    name: &str,
    kind: &Kind,
    nullable: VersionSet,
    tag: Option<(u8, VersionSet)>,
    inside: Vec<Sent>,
    version: u8,
) -> Sent {
    let scalar = match kind.element {
        Element::Scalar(scalar) => Some(scalar),
        Element::Struct(_) => None,
    };
    let tag = tag.filter(|(_, tagged)| tagged.contains(version)).map(|(number, _)| number);
    let nullable = nullable.contains(version);
    Sent { name: name.to_owned(), array: kind.array, scalar, nullable, tag, inside }
}
