//! JSON objects with `//` comments, read key by key, so that a key nobody asked for is an error
//! that names its path.

use serde_json::{Map, Value};

use crate::error::Error;

/// A JSON object, and where it stands.
pub(crate) struct Object {
    members: Map<String, Value>,
    place: String,
}

/// Parses a file's text, which must be one object.
///
/// # Errors
/// When the text without its comments is not a JSON object.
pub(crate) fn parse(text: &str, file: &str) -> Result<Object, Error> {
    let value = serde_json::from_str(&strip_comments(text)).map_err(|error| {
        Error::new(file, format!("not JSON with `//` comments: {error}; extract it again"))
    })?;
    Object::new(value, format!("{file} $"))
}

impl Object {
    fn new(value: Value, place: String) -> Result<Self, Error> {
        match value {
            Value::Object(members) => Ok(Self { members, place }),
            _ => Err(Error::new(place, "expected an object")),
        }
    }

    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    pub(crate) fn error(&self, problem: impl Into<String>) -> Error {
        Error::new(self.place.clone(), problem)
    }

    /// Takes an optional text.
    pub(crate) fn text(&mut self, key: &str) -> Result<Option<String>, Error> {
        self.take(key, "a string", |value| match value {
            Value::String(text) => Some(text),
            _ => None,
        })
    }

    /// Takes a text that must be there.
    pub(crate) fn required_text(&mut self, key: &str) -> Result<String, Error> {
        self.text(key)?.ok_or_else(|| self.error(format!("`{key}` is missing")))
    }

    /// Takes an optional whole number. Kafka 3.9 has one in quotes (`"tag": "0"`), which its own
    /// parser reads as a number.
    pub(crate) fn integer(&mut self, key: &str) -> Result<Option<i64>, Error> {
        self.take(key, "an integer", |value| match value {
            Value::String(text) => text.parse().ok(),
            value => value.as_i64(),
        })
    }

    /// Takes an optional list of objects.
    pub(crate) fn objects(&mut self, key: &str) -> Result<Option<Vec<Self>>, Error> {
        let Some(values) = self.take(key, "an array", |value| match value {
            Value::Array(values) => Some(values),
            _ => None,
        })?
        else {
            return Ok(None);
        };
        let place = |index| format!("{}.{key}[{index}]", self.place);
        let objects = values.into_iter().enumerate().map(|(index, value)| {
            Self::new(value, place(index)).map(|mut object| {
                if let Some(Value::String(name)) = object.members.get("name") {
                    object.place = format!("{} ({name})", object.place);
                }
                object
            })
        });
        objects.collect::<Result<_, _>>().map(Some)
    }

    /// Drops keys that the tables do not need.
    pub(crate) fn ignore(&mut self, keys: &[&str]) {
        for key in keys {
            self.members.remove(*key);
        }
    }

    /// Refuses what was neither taken nor dropped.
    pub(crate) fn finish(self) -> Result<(), Error> {
        match self.members.keys().next() {
            None => Ok(()),
            Some(key) => Err(self.error(format!(
                "unknown key `{key}`: learn what it means for the bytes on the wire, then teach \
                 it to definition.rs or list it there as ignored"
            ))),
        }
    }

    fn take<T>(
        &mut self,
        key: &str,
        expected: &str,
        read: impl FnOnce(Value) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let Some(value) = self.members.remove(key) else { return Ok(None) };
        let found = value.to_string();
        match read(value) {
            Some(read) => Ok(Some(read)),
            None => Err(self.error(format!("`{key}` must be {expected}, found {found}"))),
        }
    }
}

/// Blanks `//` comments to the end of their line; `//` inside a string stays.
fn strip_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut in_string = false;
    while let Some(c) = chars.next() {
        match c {
            '"' => in_string = !in_string,
            '\\' if in_string => {
                out.push(c);
                out.extend(chars.next());
                continue;
            }
            '/' if !in_string && chars.peek() == Some(&'/') => {
                while chars.next_if(|next| *next != '\n').is_some() {}
                continue;
            }
            _ => {}
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{parse, strip_comments};

    #[test]
    fn comments_go_and_strings_stay() {
        let cases = [
            ("{} // end", "{} "),
            ("// first\n{}", "\n{}"),
            (r#"{"a": "http://x"} // y"#, r#"{"a": "http://x"} "#),
            (r#"{"a": "\"// no"}"#, r#"{"a": "\"// no"}"#),
            (r#"{"a": "\\"} // "yes""#, r#"{"a": "\\"} "#),
            ("a / b", "a / b"),
            ("// \"open\n1", "\n1"),
        ];
        for (text, expected) in cases {
            assert_eq!(strip_comments(text), expected, "{text}");
        }
    }

    #[test]
    fn an_unknown_key_is_an_error_with_its_path() {
        let text = r#"{"fields": [{"name": "A"}, {"name": "B", "typo": 1}]}"#;
        let mut object = parse(text, "X.json").unwrap();
        let mut fields = object.objects("fields").unwrap().unwrap();
        object.finish().unwrap();
        let mut last = fields.pop().unwrap();
        last.ignore(&["name"]);
        let message = last.finish().unwrap_err().to_string();
        assert!(message.starts_with("X.json $.fields[1] (B): unknown key `typo`"), "{message}");
    }

    #[test]
    fn a_wrong_type_is_an_error_with_what_was_found() {
        let mut object = parse(r#"{"apiKey": "one"}"#, "X.json").unwrap();
        let message = object.integer("apiKey").unwrap_err().to_string();
        assert_eq!(message, "X.json $: `apiKey` must be an integer, found \"one\"");
        let mut quoted = parse(r#"{"tag": "7"}"#, "X.json").unwrap();
        assert_eq!(quoted.integer("tag").unwrap(), Some(7));
        assert!(parse("[]", "X.json").is_err());
        assert!(parse("{", "X.json").is_err());
    }
}
