//! Headers of a record of `/push`: `{"name": "text"}`, or `[{"name": "n", "value": "text"}]`, where names may repeat and
//! values may be base64.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Part, set, set_part};
use crate::json::{self, Complaint, Fields, Items, Place, Scalar};
use crate::values::{self, push_header};
use crate::{Header, Refusal};

/// In the order given.
#[derive(Default)]
pub(super) struct Headers<'a> {
    pub(super) list: Vec<Header<'a>>,
}

/// To read the field `headers` of the record at the place.
#[derive(Clone, Copy)]
pub(super) struct Seed<'x> {
    pub(super) place: Place,
    pub(super) complaint: &'x Complaint,
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Headers<'de>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        let is_entered = Cell::new(false);
        let read = json.deserialize_any(Either { seed: self, is_entered: &is_entered });
        if read.is_err() && !is_entered.get() {
            let what = "must be an object of strings, or a list of {name, value}";
            self.complaint.keep(self.place.field("headers").malformed(what));
        }
        read
    }
}

struct Either<'x> {
    seed: Seed<'x>,
    is_entered: &'x Cell<bool>,
}

impl<'de> Visitor<'de> for Either<'_> {
    type Value = Headers<'de>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("headers")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
        Ok(Headers::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        self.is_entered.set(true);
        let Seed { place, complaint } = self.seed;
        let mut named = Named { place: place.field("headers"), list: Vec::new() };
        let map = serde::de::value::MapAccessDeserializer::new(map);
        json::object(&mut named, complaint).deserialize(map)?;
        named.check_names().map_err(|why| complaint.raise(why))?;
        Ok(Headers { list: named.list })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        self.is_entered.set(true);
        let Seed { place, complaint } = self.seed;
        let mut listed = Listed { place: place.field("headers"), list: Vec::new() };
        let list = serde::de::value::SeqAccessDeserializer::new(list);
        json::list(&mut listed, complaint).deserialize(list)?;
        Ok(Headers { list: listed.list })
    }
}

/// The object.
struct Named<'a> {
    place: Place,
    list: Vec<Header<'a>>,
}

impl Named<'_> {
    /// Sorted, because 256 headers on each of thousands of records are too many to compare each with each.
    fn check_names(&self) -> Result<(), Refusal> {
        let mut names: Vec<&str> = self.list.iter().map(|header| &*header.name).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(self.place.malformed("one name is given twice: use the list of headers"));
        }
        Ok(())
    }
}

impl<'de> Fields<'de> for Named<'de> {
    fn place(&self) -> Place {
        self.place
    }

    fn field<A: MapAccess<'de>>(
        &mut self,
        name: Cow<'de, str>,
        map: &mut A,
        complaint: &Complaint,
    ) -> Result<(), A::Error> {
        let place = self.place.index(self.list.len());
        let value = match map.next_value::<Scalar<'de>>()? {
            Scalar::Null => None,
            Scalar::Text(text) => Some(values::bytes(text)),
            _ => return Err(complaint.raise(place.malformed("must be a string or null"))),
        };
        push_header(&mut self.list, Header { name, value }, self.place)
            .map_err(|why| complaint.raise(why))
    }
}

/// The list.
struct Listed<'a> {
    place: Place,
    list: Vec<Header<'a>>,
}

impl<'de> Items<'de> for Listed<'de> {
    fn place(&self) -> Place {
        self.place
    }

    fn item<A: SeqAccess<'de>>(
        &mut self,
        list: &mut A,
        complaint: &Complaint,
    ) -> Result<bool, A::Error> {
        let mut one = One { place: self.place.index(self.list.len()), name: None, value: None };
        if list.next_element_seed(json::object(&mut one, complaint))?.is_none() {
            return Ok(false);
        }
        one.finish()
            .and_then(|header| push_header(&mut self.list, header, self.place))
            .map_err(|why| complaint.raise(why))?;
        Ok(true)
    }
}

/// An element of the list.
struct One<'a> {
    place: Place,
    name: Option<Cow<'a, str>>,
    value: Part<'a>,
}

impl<'a> One<'a> {
    fn scalar(&mut self, field: &str, value: Scalar<'a>) -> Result<(), Refusal> {
        let plain = self.place.part("value");
        match field {
            "name" => {
                let place = self.place.part("name");
                let Scalar::Text(name) = value else {
                    return Err(place.malformed("must be a string"));
                };
                set(&mut self.name, name, place)
            }
            "value" => set_part(&mut self.value, value, plain, plain),
            _ => set_part(&mut self.value, value, self.place.part("value_base64"), plain),
        }
    }

    fn finish(self) -> Result<Header<'a>, Refusal> {
        let name = self.name.ok_or_else(|| self.place.part("name").malformed("is missing"))?;
        let (value, _) = self.value.ok_or_else(|| {
            self.place.part("value").malformed("is missing: write a string, value_base64, or null")
        })?;
        Ok(Header { name, value })
    }
}

impl<'de> Fields<'de> for One<'de> {
    fn place(&self) -> Place {
        self.place
    }

    fn field<A: MapAccess<'de>>(
        &mut self,
        name: Cow<'de, str>,
        map: &mut A,
        complaint: &Complaint,
    ) -> Result<(), A::Error> {
        if !matches!(&*name, "name" | "value" | "value_base64") {
            return map.next_value::<IgnoredAny>().map(drop);
        }
        let value = map.next_value::<Scalar<'de>>()?;
        self.scalar(&name, value).map_err(|why| complaint.raise(why))
    }
}
