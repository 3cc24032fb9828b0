//! kprf's `POST /push`: the same request and the same response, each with fields that kprf did not have.
//!
//! `{"records":[{"topic":"T","data":"text"}],"wait_for_send":true}`. A record may also have `key`, `partition` (-1 is
//! any), `timestamp` (milliseconds or RFC 3339), `headers` (an object of texts, or a list of `{name, value}`), and
//! `data_base64`, `key_base64` and, in the list, `value_base64` in place of `data`, `key` and `value`. `data` may be
//! null (a tombstone) and may not be absent. The request may have `acks`. Fields of other names are ignored, as kprf
//! did, and a field that is given twice is refused, as kprf did.

mod answer;
mod headers;

pub use answer::{refuse, respond};

use std::borrow::Cow;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess};

use crate::json::{self, Complaint, Fields, Items, Place, Scalar, once};
use crate::values;
use crate::{Record, Refusal};
use headers::Headers;

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request<'a> {
    /// In the order of the body.
    pub records: Vec<Record<'a>>,
    /// kprf's `wait_for_send`.
    pub wait: bool,
    /// -1 (all), 0 or 1; `None` is the configured.
    pub acks: Option<i16>,
}

/// Reads a body. Nothing is copied that has neither escapes nor base64.
///
/// # Errors
/// [`Refusal::Malformed`] when it is no JSON or has other types and fields than the endpoint takes,
/// [`Refusal::Unprocessable`] when a value is impossible or there are more than `records_max` records.
pub fn parse(body: &[u8], records_max: usize) -> Result<Request<'_>, Refusal> {
    let mut reader = RequestReader { records_max, records: None, wait: None, acks: None };
    json::read(json::text(body)?, &mut reader)?;
    let records = reader.records.ok_or_else(|| RECORDS.malformed("is missing"))?;
    Ok(Request { records, wait: reader.wait.unwrap_or(false), acks: reader.acks.flatten() })
}

const RECORDS: Place = Place { entry: None, field: "records", index: None, part: "" };

struct RequestReader<'a> {
    records_max: usize,
    records: Option<Vec<Record<'a>>>,
    wait: Option<bool>,
    acks: Option<Option<i16>>,
}

impl<'de> Fields<'de> for RequestReader<'de> {
    fn place(&self) -> Place {
        Place::default()
    }

    fn field<A: MapAccess<'de>>(
        &mut self,
        name: Cow<'de, str>,
        map: &mut A,
        complaint: &Complaint,
    ) -> Result<(), A::Error> {
        match &*name {
            "records" => {
                let mut records = Records { list: Vec::new(), records_max: self.records_max };
                map.next_value_seed(json::list(&mut records, complaint))?;
                once(&mut self.records, records.list, RECORDS, complaint)
            }
            "wait_for_send" => {
                let place = Place::default().field("wait_for_send");
                let wait = match map.next_value::<Scalar<'_>>()? {
                    Scalar::Bool(wait) => wait,
                    Scalar::Null => false,
                    _ => return Err(complaint.raise(place.malformed("must be true or false"))),
                };
                once(&mut self.wait, wait, place, complaint)
            }
            "acks" => {
                let place = Place::default().field("acks");
                let acks = values::acks(&map.next_value::<Scalar<'_>>()?, place);
                once(&mut self.acks, acks.map_err(|why| complaint.raise(why))?, place, complaint)
            }
            _ => map.next_value::<IgnoredAny>().map(drop),
        }
    }
}

struct Records<'a> {
    list: Vec<Record<'a>>,
    records_max: usize,
}

impl<'de> Items<'de> for Records<'de> {
    fn place(&self) -> Place {
        RECORDS
    }

    fn item<A: SeqAccess<'de>>(
        &mut self,
        list: &mut A,
        complaint: &Complaint,
    ) -> Result<bool, A::Error> {
        let Some(record) =
            list.next_element_seed(RecordSeed { index: self.list.len(), complaint })?
        else {
            return Ok(false);
        };
        if self.list.len() >= self.records_max {
            let what = format!("more than {} records in one request", self.records_max);
            return Err(complaint.raise(RECORDS.unprocessable(&what)));
        }
        self.list.push(record);
        Ok(true)
    }
}

struct RecordSeed<'x> {
    index: usize,
    complaint: &'x Complaint,
}

impl<'de> DeserializeSeed<'de> for RecordSeed<'_> {
    type Value = Record<'de>;

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        let place = Place { entry: Some(("records", self.index)), ..Place::default() };
        let mut reader = RecordReader { place, ..RecordReader::default() };
        json::object(&mut reader, self.complaint).deserialize(json)?;
        reader.finish().map_err(|why| self.complaint.raise(why))
    }
}

/// A part of a record, and in which of its two spellings it was given.
type Part<'a> = Option<(Option<Cow<'a, [u8]>>, &'static str)>;

#[derive(Default)]
struct RecordReader<'a> {
    place: Place,
    topic: Option<Cow<'a, str>>,
    data: Part<'a>,
    key: Part<'a>,
    partition: Option<Option<i32>>,
    timestamp: Option<Option<i64>>,
    headers: Option<Headers<'a>>,
}

impl<'de> Fields<'de> for RecordReader<'de> {
    fn place(&self) -> Place {
        self.place
    }

    fn field<A: MapAccess<'de>>(
        &mut self,
        name: Cow<'de, str>,
        map: &mut A,
        complaint: &Complaint,
    ) -> Result<(), A::Error> {
        let place = self.place;
        match &*name {
            "headers" => {
                let headers = map.next_value_seed(headers::Seed { place, complaint })?;
                return once(&mut self.headers, headers, place.field("headers"), complaint);
            }
            "topic" | "data" | "data_base64" | "key" | "key_base64" | "partition" | "timestamp" => {
            }
            _ => return map.next_value::<IgnoredAny>().map(drop),
        }
        let value = map.next_value::<Scalar<'de>>()?;
        self.scalar(&name, value).map_err(|why| complaint.raise(why))
    }
}

impl<'a> RecordReader<'a> {
    fn scalar(&mut self, name: &str, value: Scalar<'a>) -> Result<(), Refusal> {
        let place = self.place;
        match name {
            "topic" => {
                let place = place.field("topic");
                let Scalar::Text(topic) = value else {
                    return Err(place.malformed("must be a string"));
                };
                set(&mut self.topic, topic, place)
            }
            "data" => set_part(&mut self.data, value, place.field("data"), place.field("data")),
            "data_base64" => {
                set_part(&mut self.data, value, place.field("data_base64"), place.field("data"))
            }
            "key" => set_part(&mut self.key, value, place.field("key"), place.field("key")),
            "key_base64" => {
                set_part(&mut self.key, value, place.field("key_base64"), place.field("key"))
            }
            "partition" => {
                let place = place.field("partition");
                set(&mut self.partition, partition(&value, place)?, place)
            }
            _ => {
                let place = place.field("timestamp");
                let timestamp = match value {
                    Scalar::Null => None,
                    Scalar::Integer(value) => Some(values::milliseconds(value, place)?),
                    Scalar::Text(text) => Some(values::rfc_3339(&text, place)?),
                    _ => {
                        return Err(place.malformed(
                            "must be whole milliseconds since 1970-01-01, or a string of RFC 3339",
                        ));
                    }
                };
                set(&mut self.timestamp, timestamp, place)
            }
        }
    }

    fn finish(self) -> Result<Record<'a>, Refusal> {
        let topic = self.topic.ok_or_else(|| self.place.field("topic").malformed("is missing"))?;
        let (value, _) = self.data.ok_or_else(|| {
            let data = self.place.field("data");
            data.malformed("is missing: write a string, data_base64, or null for a tombstone")
        })?;
        Ok(Record {
            topic,
            partition: self.partition.flatten(),
            key: self.key.and_then(|(key, _)| key),
            value,
            headers: self.headers.unwrap_or_default().list,
            timestamp_ms: self.timestamp.flatten(),
        })
    }
}

fn set<T>(slot: &mut Option<T>, value: T, place: Place) -> Result<(), Refusal> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(place.malformed("is given twice")),
    }
}

/// Key, data and values of headers are texts, or bytes in base64; `plain` is the place without `_base64`.
fn set_part<'a>(
    slot: &mut Part<'a>,
    value: Scalar<'a>,
    place: Place,
    plain: Place,
) -> Result<(), Refusal> {
    let is_base64 = place.field != plain.field || place.part != plain.part;
    let spelling = if is_base64 { "base64" } else { "text" };
    match slot {
        None => {}
        Some((_, earlier)) if *earlier == spelling => {
            return Err(place.malformed("is given twice"));
        }
        Some(_) => {
            return Err(plain.unprocessable("is given as text and as base64: leave one out"));
        }
    }
    let bytes = match value {
        Scalar::Null => None,
        Scalar::Text(text) if is_base64 => {
            Some(Cow::Owned(values::base64(text.as_bytes(), place)?))
        }
        Scalar::Text(text) => Some(values::bytes(text)),
        _ => return Err(place.malformed("must be a string or null: write JSON as a string")),
    };
    *slot = Some((bytes, spelling));
    Ok(())
}

/// kprf handed the number to librdkafka, where -1 is any partition.
fn partition(value: &Scalar<'_>, place: Place) -> Result<Option<i32>, Refusal> {
    match value {
        Scalar::Null | Scalar::Integer(-1) => Ok(None),
        Scalar::Integer(number) => match i32::try_from(*number) {
            Ok(number) if number >= 0 => Ok(Some(number)),
            _ => Err(place.unprocessable("must be between 0 and 2147483647, or -1 for any")),
        },
        _ => Err(place.malformed("must be a whole number")),
    }
}

#[cfg(test)]
mod tests;
