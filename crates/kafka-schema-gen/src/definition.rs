//! Kafka's message definitions as they are written: one JSON file a message.
//!
//! Nothing is guessed: a key, a type or a version range that this module does not know stops the
//! generator. The format is described in Kafka's `clients/src/main/resources/common/message`.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::json::{self, Object};
use crate::versions::VersionSet;

/// One request or response of one Kafka release.
#[derive(Clone, Debug)]
pub(crate) struct Definition {
    /// The file it came from.
    pub(crate) file: String,
    pub(crate) api_key: u8,
    pub(crate) direction: Direction,
    /// Kafka's name, as `ProduceRequest`.
    pub(crate) name: String,
    /// Versions that the release speaks.
    pub(crate) valid: VersionSet,
    pub(crate) flexible: VersionSet,
    pub(crate) fields: Vec<FieldDef>,
    /// Fields of every struct by its type name, those inside fields and `commonStructs` alike:
    /// Kafka keeps type names unique inside a message.
    pub(crate) structs: BTreeMap<String, Vec<FieldDef>>,
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Direction {
    Request,
    Response,
}

/// One field as defined.
#[derive(Clone, Debug)]
pub(crate) struct FieldDef {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) versions: VersionSet,
    pub(crate) nullable: VersionSet,
    pub(crate) tag: Option<(u8, VersionSet)>,
    pub(crate) entity: Option<String>,
    /// File and JSON path, for messages.
    pub(crate) place: String,
}

/// Type of a field: an element, or an array of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) array: bool,
    pub(crate) element: Element,
}

/// What is not an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    /// Name of the variant of kafka-wire's `Kind`, as `Int16`.
    Scalar(&'static str),
    /// Type name of a struct of the same message.
    Struct(String),
}

/// Kafka's scalar types, and what kafka-wire calls them.
const SCALARS: [(&str, &str); 12] = [
    ("bool", "Bool"),
    ("int8", "Int8"),
    ("int16", "Int16"),
    ("uint16", "Uint16"),
    ("int32", "Int32"),
    ("uint32", "Uint32"),
    ("int64", "Int64"),
    ("float64", "Float64"),
    ("uuid", "Uuid"),
    ("string", "String"),
    ("bytes", "Bytes"),
    ("records", "Records"),
];

/// Keys of a message that say nothing about its bytes: who may send it, and what is going away.
const MESSAGE_KEYS_IGNORED: [&str; 3] =
    ["listeners", "deprecatedVersions", "latestVersionUnstable"];

/// Keys of a field that say nothing about its bytes: they shape Kafka's generated classes.
const FIELD_KEYS_IGNORED: [&str; 5] = ["about", "default", "ignorable", "mapKey", "zeroCopy"];

impl Definition {
    /// Reads a definition; `None` for what is neither request nor response (headers, records).
    ///
    /// # Errors
    /// On anything unknown, with file and JSON path.
    pub(crate) fn parse(text: &str, file: &str) -> Result<Option<Self>, Error> {
        let mut object = json::parse(text, file)?;
        let direction = match object.required_text("type")?.as_str() {
            "request" => Direction::Request,
            "response" => Direction::Response,
            "header" | "data" | "metadata" | "coordinator-key" | "coordinator-value" => {
                return Ok(None);
            }
            other => {
                return Err(object.error(format!(
                    "unknown type `{other}`: teach definition.rs whether such messages are sent"
                )));
            }
        };
        let api_key = object.integer("apiKey")?.and_then(|key| u8::try_from(key).ok());
        let api_key =
            api_key.ok_or_else(|| object.error("`apiKey` must be a number from 0 to 255"))?;
        let valid = closed_range(&mut object)?;
        let flexible = object.text("flexibleVersions")?;
        let flexible = match flexible {
            None if valid.is_empty() => VersionSet::EMPTY,
            None => return Err(object.error("`flexibleVersions` is missing")),
            Some(text) => VersionSet::parse(&text).map_err(|problem| object.error(problem))?,
        };
        let mut definition = Self {
            file: file.to_owned(),
            api_key,
            direction,
            name: object.required_text("name")?,
            valid,
            flexible,
            fields: Vec::new(),
            structs: BTreeMap::new(),
        };
        for common in object.objects("commonStructs")?.unwrap_or_default() {
            definition.common_struct(common)?;
        }
        let fields = object.objects("fields")?;
        if fields.is_none() && !valid.is_empty() {
            return Err(object.error("`fields` is missing"));
        }
        definition.fields = definition.fields_of(fields.unwrap_or_default())?;
        object.ignore(&MESSAGE_KEYS_IGNORED);
        object.finish()?;
        Ok(Some(definition))
    }

    fn common_struct(&mut self, mut object: Object) -> Result<(), Error> {
        let name = object.required_text("name")?;
        let fields = object.objects("fields")?;
        let fields = fields.ok_or_else(|| object.error("`fields` is missing"))?;
        let fields = self.fields_of(fields)?;
        self.add_struct(&name, fields, object.place())?;
        object.ignore(&["versions", "about"]);
        object.finish()
    }

    fn fields_of(&mut self, objects: Vec<Object>) -> Result<Vec<FieldDef>, Error> {
        objects.into_iter().map(|object| self.field(object)).collect()
    }

    fn field(&mut self, mut object: Object) -> Result<FieldDef, Error> {
        let kind = Kind::parse(&object.required_text("type")?);
        let kind = kind.map_err(|problem| object.error(problem))?;
        let versions = versions(&mut object, "versions")?;
        let versions = versions.ok_or_else(|| object.error("`versions` is missing"))?;
        let field = FieldDef {
            name: object.required_text("name")?,
            kind,
            versions,
            nullable: versions_or_none(&mut object, "nullableVersions")?,
            tag: tag(&mut object)?,
            entity: object.text("entityType")?,
            place: object.place().to_owned(),
        };
        if let Some(flexible) = versions_in(&mut object, "flexibleVersions", versions)? {
            let inherited = self.flexible.intersect(versions);
            if flexible.intersect(self.valid) != inherited.intersect(self.valid) {
                return Err(object.error(format!(
                    "`flexibleVersions` {flexible} differs from its message ({inherited}): \
                     kafka-wire's Field cannot say that yet; add it there and to lower.rs"
                )));
            }
        }
        match (object.objects("fields")?, &field.kind.element) {
            (None, _) => {}
            (Some(fields), Element::Struct(name)) => {
                let fields = self.fields_of(fields)?;
                self.add_struct(name, fields, object.place())?;
            }
            (Some(_), Element::Scalar(_)) => {
                return Err(object.error("`fields` inside a field that is no struct"));
            }
        }
        object.ignore(&FIELD_KEYS_IGNORED);
        object.finish()?;
        Ok(field)
    }

    fn add_struct(&mut self, name: &str, fields: Vec<FieldDef>, place: &str) -> Result<(), Error> {
        match self.structs.insert(name.to_owned(), fields) {
            None => Ok(()),
            Some(_) => Err(Error::new(
                place,
                format!("struct `{name}` is defined twice: structs are kept by their name"),
            )),
        }
    }
}

impl Kind {
    fn parse(text: &str) -> Result<Self, String> {
        let (array, element) = match text.strip_prefix("[]") {
            Some(element) => (true, element),
            None => (false, text),
        };
        if let Some((_, scalar)) = SCALARS.iter().find(|(name, _)| *name == element) {
            return Ok(Self { array, element: Element::Scalar(scalar) });
        }
        let is_struct = element.starts_with(|c: char| c.is_ascii_uppercase())
            && element.chars().all(|c| c.is_ascii_alphanumeric());
        if !is_struct {
            return Err(format!(
                "unknown type `{text}`: add it to SCALARS in definition.rs and to kafka-wire's Kind"
            ));
        }
        Ok(Self { array, element: Element::Struct(element.to_owned()) })
    }
}

fn closed_range(object: &mut Object) -> Result<VersionSet, Error> {
    let text = object.required_text("validVersions")?;
    if text.ends_with('+') {
        return Err(object.error(format!("`validVersions` must have an end, found `{text}`")));
    }
    VersionSet::parse(&text).map_err(|problem| object.error(problem))
}

fn versions(object: &mut Object, key: &str) -> Result<Option<VersionSet>, Error> {
    let Some(text) = object.text(key)? else { return Ok(None) };
    VersionSet::parse(&text)
        .map(Some)
        .map_err(|problem| object.error(format!("`{key}`: {problem}")))
}

fn versions_or_none(object: &mut Object, key: &str) -> Result<VersionSet, Error> {
    Ok(versions(object, key)?.unwrap_or(VersionSet::EMPTY))
}

fn versions_in(
    object: &mut Object,
    key: &str,
    limit: VersionSet,
) -> Result<Option<VersionSet>, Error> {
    Ok(versions(object, key)?.map(|found| found.intersect(limit)))
}

fn tag(object: &mut Object) -> Result<Option<(u8, VersionSet)>, Error> {
    let number = object.integer("tag")?;
    let tagged = versions_or_none(object, "taggedVersions")?;
    match number {
        None if tagged.is_empty() => Ok(None),
        None => Err(object.error("`taggedVersions` without `tag`")),
        Some(number) => match u8::try_from(number) {
            Ok(number) => Ok(Some((number, tagged))),
            Err(_) => Err(object.error(format!(
                "tag {number} is outside 0 to 255: widen `Tag::number` of kafka-wire"
            ))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{Definition, Element};

    fn parse(fields: &str) -> Result<Definition, String> {
        let text = format!(
            r#"{{"apiKey": 1, "type": "request", "name": "XRequest", "validVersions": "0-3",
                "flexibleVersions": "2+", "fields": [{fields}]}}"#
        );
        match Definition::parse(&text, "X.json") {
            Ok(definition) => Ok(definition.unwrap()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn a_struct_is_kept_by_its_type_name() {
        let definition = parse(
            r#"{"name": "Rows", "type": "[]Row", "versions": "1+", "fields": [
                {"name": "Id", "type": "int64", "versions": "1+", "about": "x"}]}"#,
        );
        let definition = definition.unwrap();
        assert!(definition.fields[0].kind.array);
        assert_eq!(definition.fields[0].kind.element, Element::Struct("Row".to_owned()));
        assert_eq!(definition.structs["Row"][0].name, "Id");
    }

    #[test]
    fn what_is_unknown_is_refused_with_its_path() {
        let cases = [
            (r#"{"name": "A", "type": "int7", "versions": "0+"}"#, "unknown type `int7`"),
            (r#"{"name": "A", "type": "[][]int8", "versions": "0+"}"#, "unknown type `[][]int8`"),
            (r#"{"name": "A", "type": "int8"}"#, "`versions` is missing"),
            (r#"{"name": "A", "type": "int8", "versions": "x"}"#, "`versions`: cannot read `x`"),
            (r#"{"name": "A", "type": "int8", "versions": "0+", "new": 1}"#, "unknown key `new`"),
            (
                r#"{"name": "A", "type": "int8", "versions": "0+", "taggedVersions": "2+"}"#,
                "`taggedVersions` without `tag`",
            ),
            (
                r#"{"name": "A", "type": "string", "versions": "0+", "flexibleVersions": "none"}"#,
                "`flexibleVersions` none differs from its message (2-63)",
            ),
        ];
        for (field, expected) in cases {
            let message = parse(field).unwrap_err();
            assert!(message.starts_with("X.json $.fields[0] (A): "), "{message}");
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn a_removed_message_has_neither_fields_nor_flexible_versions() {
        let text = r#"{"apiKey": 4, "type": "request", "name": "X", "validVersions": "none"}"#;
        assert!(Definition::parse(text, "X.json").unwrap().unwrap().valid.is_empty());
        let text = r#"{"apiKey": 4, "type": "request", "name": "X", "validVersions": "0-1"}"#;
        assert!(Definition::parse(text, "X.json").is_err());
    }

    #[test]
    fn headers_and_records_are_no_messages() {
        let header = r#"{"type": "header", "name": "RequestHeader"}"#;
        assert!(Definition::parse(header, "X.json").unwrap().is_none());
        assert!(Definition::parse(r#"{"type": "other"}"#, "X.json").is_err());
    }
}
