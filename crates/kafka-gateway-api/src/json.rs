//! Reading JSON of strangers with serde_json, field by field: what is wrong is said with its place (`records[3].partition`)
//! and never with the value, because values are other people's data.
//!
//! Every object and list is read by a [`Fields`] or [`Items`]; a field is read once, a second one of the same name is an
//! error. Depth is bounded by serde_json where something recurses; what is skipped is skipped without recursion.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use crate::Refusal;

/// Where in a body something is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Place {
    /// The list of records, and which of them.
    pub(crate) entry: Option<(&'static str, usize)>,
    /// A field of the record, or of the request.
    pub(crate) field: &'static str,
    /// Which of the field's elements.
    pub(crate) index: Option<usize>,
    /// A field of the field.
    pub(crate) part: &'static str,
}

impl Place {
    /// The same record, another field.
    pub(crate) fn field(self, field: &'static str) -> Self {
        Self { entry: self.entry, field, index: None, part: "" }
    }

    /// An element of the same field.
    pub(crate) fn index(self, index: usize) -> Self {
        Self { index: Some(index), ..self }
    }

    /// A field of the same field.
    pub(crate) fn part(self, part: &'static str) -> Self {
        Self { part, ..self }
    }

    /// What is not as the endpoint takes it.
    pub(crate) fn malformed(self, what: &str) -> Refusal {
        Refusal::Malformed(format!("{self}: {what}"))
    }

    /// What is of the right type, and impossible.
    pub(crate) fn unprocessable(self, what: &str) -> Refusal {
        Refusal::Unprocessable(format!("{self}: {what}"))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut is_first = true;
        if let Some((list, index)) = self.entry {
            write!(to, "{list}[{index}]")?;
            is_first = false;
        }
        for (name, index) in [(self.field, self.index), (self.part, None)] {
            if !name.is_empty() {
                write!(to, "{}{name}", if is_first { "" } else { "." })?;
                is_first = false;
            }
            if let Some(index) = index {
                write!(to, "[{index}]")?;
            }
        }
        if is_first { to.write_str("the body") } else { Ok(()) }
    }
}

/// Carries a refusal past serde, whose errors are texts.
#[derive(Default)]
pub(crate) struct Complaint(Cell<Option<Refusal>>);

impl Complaint {
    /// The error to return: the first refusal is kept.
    pub(crate) fn raise<E: Error>(&self, refusal: Refusal) -> E {
        self.keep(refusal);
        E::custom("")
    }

    /// For an error that serde made.
    pub(crate) fn keep(&self, refusal: Refusal) {
        let first = self.0.take();
        self.0.set(Some(first.unwrap_or(refusal)));
    }
}

/// Reads an object.
pub(crate) trait Fields<'de> {
    /// For what is wrong with the object itself.
    fn place(&self) -> Place;
    /// Takes the value of a field out of the map.
    fn field<A: MapAccess<'de>>(
        &mut self,
        name: Cow<'de, str>,
        map: &mut A,
        complaint: &Complaint,
    ) -> Result<(), A::Error>;
}

/// Reads a list.
pub(crate) trait Items<'de> {
    /// For what is wrong with the list itself.
    fn place(&self) -> Place;
    /// Takes an element out of the list; `false` when there is none.
    fn item<A: SeqAccess<'de>>(
        &mut self,
        list: &mut A,
        complaint: &Complaint,
    ) -> Result<bool, A::Error>;
}

/// Reads a whole text as one object. Lines and columns in errors of syntax count from the text's begin.
pub(crate) fn read<'de>(text: &'de str, into: &mut impl Fields<'de>) -> Result<(), Refusal> {
    let (complaint, place) = (Complaint::default(), into.place());
    let mut json = serde_json::Deserializer::from_str(text);
    let read = object(into, &complaint).deserialize(&mut json).and_then(|()| json.end());
    read.map_err(|error| refusal(place, &error, complaint.0.take()))
}

/// Reads a whole text as one list.
pub(crate) fn read_list<'de>(text: &'de str, into: &mut impl Items<'de>) -> Result<(), Refusal> {
    let (complaint, place) = (Complaint::default(), into.place());
    let mut json = serde_json::Deserializer::from_str(text);
    let read = list(into, &complaint).deserialize(&mut json).and_then(|()| json.end());
    read.map_err(|error| refusal(place, &error, complaint.0.take()))
}

/// The text of a body.
pub(crate) fn text(body: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(body).map_err(|error| {
        let at = error.valid_up_to();
        Refusal::Malformed(format!("the body is not UTF-8 at byte {at}: JSON is written in UTF-8"))
    })
}

/// serde_json's own texts name what it expected and where. They hold nothing of the value as long as the error is
/// one of syntax; the other ones are not shown.
fn refusal(place: Place, error: &serde_json::Error, complaint: Option<Refusal>) -> Refusal {
    match complaint {
        Some(complaint) if error.is_data() => complaint,
        _ if error.is_data() => place.malformed("is not what this endpoint takes"),
        _ => place.malformed(&format!("is not JSON: {error}")),
    }
}

/// To read an object where one is expected.
pub(crate) fn object<'x, T>(fields: &'x mut T, complaint: &'x Complaint) -> ObjectSeed<'x, T> {
    ObjectSeed { fields, complaint, is_entered: false }
}

/// To read a list where one is expected.
pub(crate) fn list<'x, T>(items: &'x mut T, complaint: &'x Complaint) -> ListSeed<'x, T> {
    ListSeed { items, complaint, is_entered: false }
}

/// Made by [`object`].
pub(crate) struct ObjectSeed<'x, T> {
    fields: &'x mut T,
    complaint: &'x Complaint,
    is_entered: bool,
}

impl<'de, T: Fields<'de>> DeserializeSeed<'de> for ObjectSeed<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(mut self, json: D) -> Result<(), D::Error> {
        let read = json.deserialize_any(&mut self);
        if read.is_err() && !self.is_entered {
            self.complaint.keep(self.fields.place().malformed("must be an object"));
        }
        read
    }
}

impl<'de, T: Fields<'de>> Visitor<'de> for &mut ObjectSeed<'_, T> {
    type Value = ();

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.is_entered = true;
        while let Some(Name(name)) = map.next_key()? {
            self.fields.field(name, &mut map, self.complaint)?;
        }
        Ok(())
    }
}

/// Made by [`list`].
pub(crate) struct ListSeed<'x, T> {
    items: &'x mut T,
    complaint: &'x Complaint,
    is_entered: bool,
}

impl<'de, T: Items<'de>> DeserializeSeed<'de> for ListSeed<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(mut self, json: D) -> Result<(), D::Error> {
        let read = json.deserialize_any(&mut self);
        if read.is_err() && !self.is_entered {
            self.complaint.keep(self.items.place().malformed("must be a list"));
        }
        read
    }
}

impl<'de, T: Items<'de>> Visitor<'de> for &mut ListSeed<'_, T> {
    type Value = ();

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.is_entered = true;
        while self.items.item(&mut list, self.complaint)? {}
        Ok(())
    }
}

/// Puts a field's value where it belongs, once.
pub(crate) fn once<T, E: Error>(
    slot: &mut Option<T>,
    value: T,
    place: Place,
    complaint: &Complaint,
) -> Result<(), E> {
    if slot.replace(value).is_some() {
        return Err(complaint.raise(place.malformed("is given twice")));
    }
    Ok(())
}

/// A field's name.
struct Name<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        match Scalar::deserialize(json)? {
            Scalar::Text(text) => Ok(Self(text)),
            _ => Err(D::Error::custom("")),
        }
    }
}

/// A value of any type, of which only the simple ones are kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scalar<'de> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number without fraction, and in range.
    Integer(i64),
    /// Borrowed unless it has escapes.
    Text(Cow<'de, str>),
    /// A fraction, a number out of range, a list or an object.
    Other,
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Integer(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(value).map_or(Scalar::Other, Scalar::Integer))
    }

    fn visit_f64<E: Error>(self, _value: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Other)
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }
}
