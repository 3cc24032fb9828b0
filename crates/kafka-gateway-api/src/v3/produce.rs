//! One produce request of Confluent REST v3, alone or as an entry of a batch.

use std::borrow::Cow;

use serde::de::{MapAccess, SeqAccess};
use serde_json::value::RawValue;

use super::compact::compact;
use super::{Format, Produce, Sizes};
use crate::json::{self, Complaint, Fields, Items, Place, Scalar, once};
use crate::values::{self, push_header};
use crate::{Header, Record, Refusal};

/// Reads one, and its id if it is the entry of a batch (its index is given): elsewhere an id is an unknown field.
pub(super) fn read<'a>(
    topic: &'a str,
    text: &'a str,
    entry: Option<usize>,
) -> Result<(Produce<'a>, Option<Cow<'a, str>>), Refusal> {
    let place = Place { entry: entry.map(|index| ("entries", index)), ..Place::default() };
    let mut reader = Reader { place, topic, ..Reader::default() };
    json::read(text, &mut reader)?;
    let key = reader.key.flatten().unwrap_or_default();
    let value = reader.value.flatten().unwrap_or_default();
    let record = Record {
        topic: Cow::Borrowed(topic),
        partition: reader.partition.flatten(),
        key: key.bytes,
        value: value.bytes,
        headers: reader.headers.unwrap_or_default(),
        timestamp_ms: reader.timestamp.flatten(),
    };
    let sizes = Sizes { key: key.size, value: value.size };
    Ok((Produce { record, sizes }, reader.id))
}

#[derive(Default)]
struct Reader<'a> {
    place: Place,
    topic: &'a str,
    id: Option<Cow<'a, str>>,
    partition: Option<Option<i32>>,
    headers: Option<Vec<Header<'a>>>,
    key: Option<Option<Data<'a>>>,
    value: Option<Option<Data<'a>>>,
    timestamp: Option<Option<i64>>,
}

impl<'de> Fields<'de> for Reader<'de> {
    fn place(&self) -> Place {
        self.place
    }

    fn field<A: MapAccess<'de>>(
        &mut self,
        name: Cow<'de, str>,
        map: &mut A,
        complaint: &Complaint,
    ) -> Result<(), A::Error> {
        match &*name {
            "key" => {
                let place = self.place.field("key");
                let data = data(map, place, complaint)?;
                once(&mut self.key, data, place, complaint)
            }
            "value" => {
                let place = self.place.field("value");
                let data = data(map, place, complaint)?;
                once(&mut self.value, data, place, complaint)
            }
            "headers" => {
                let place = self.place.field("headers");
                let headers = headers(map, place, complaint)?;
                once(&mut self.headers, headers, place, complaint)
            }
            "partition_id" => {
                let place = self.place.field("partition_id");
                let partition = partition(&map.next_value()?, self.topic, place)
                    .map_err(|why| complaint.raise(why))?;
                once(&mut self.partition, partition, place, complaint)
            }
            "timestamp" => {
                let place = self.place.field("timestamp");
                let timestamp = match map.next_value::<Scalar<'_>>()? {
                    Scalar::Null => Ok(None),
                    Scalar::Text(text) => values::rfc_3339(&text, place).map(Some),
                    _ => Err(place.malformed("must be a string of RFC 3339")),
                };
                once(
                    &mut self.timestamp,
                    timestamp.map_err(|why| complaint.raise(why))?,
                    place,
                    complaint,
                )
            }
            "id" if self.place.entry.is_some() => {
                let place = self.place.field("id");
                let Scalar::Text(id) = map.next_value()? else {
                    return Err(complaint.raise(place.malformed("must be a string")));
                };
                once(&mut self.id, id, place, complaint)
            }
            _ => Err(complaint.raise(self.place.malformed(UNKNOWN))),
        }
    }
}

const UNKNOWN: &str =
    "has an unknown field: known are partition_id, headers, key, value and timestamp";

fn partition(value: &Scalar<'_>, topic: &str, place: Place) -> Result<Option<i32>, Refusal> {
    match value {
        Scalar::Null => Ok(None),
        Scalar::Integer(number) => match i32::try_from(*number) {
            Ok(partition) if partition >= 0 => Ok(Some(partition)),
            Ok(partition) => Err(Refusal::UnknownPartition { topic: topic.to_owned(), partition }),
            Err(_) => Err(place.malformed("must be between 0 and 2147483647")),
        },
        _ => Err(place.malformed("must be a whole number")),
    }
}

/// A key or a value, as bytes.
#[derive(Default)]
struct Data<'a> {
    bytes: Option<Cow<'a, [u8]>>,
    size: Option<(Format, usize)>,
}

fn data<'de, A: MapAccess<'de>>(
    map: &mut A,
    place: Place,
    complaint: &Complaint,
) -> Result<Option<Data<'de>>, A::Error> {
    let raw = map.next_value::<&'de RawValue>()?;
    if raw.get() == "null" {
        return Ok(None);
    }
    let mut reader = DataReader { place, format: None, data: None, is_schema: false };
    let read = json::read(raw.get(), &mut reader).and_then(|()| reader.finish());
    read.map(Some).map_err(|why| complaint.raise(why))
}

struct DataReader<'a> {
    place: Place,
    format: Option<Option<Format>>,
    data: Option<&'a RawValue>,
    is_schema: bool,
}

impl<'de> Fields<'de> for DataReader<'de> {
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
            "type" => {
                let place = place.part("type");
                let format = match map.next_value::<Scalar<'_>>()? {
                    Scalar::Null => Ok(None),
                    Scalar::Text(text) => format(&text, place).map(Some),
                    _ => Err(place.malformed("must be a string")),
                };
                let format = format.map_err(|why| complaint.raise(why))?;
                once(&mut self.format, format, place, complaint)
            }
            "data" => once(&mut self.data, map.next_value()?, place.part("data"), complaint),
            "schema" | "schema_id" | "schema_version" | "subject" | "subject_name_strategy" => {
                self.is_schema |= map.next_value::<&RawValue>()?.get() != "null";
                Ok(())
            }
            _ => {
                let what = "has an unknown field: known are type and data";
                Err(complaint.raise(place.malformed(what)))
            }
        }
    }
}

impl<'a> DataReader<'a> {
    fn finish(self) -> Result<Data<'a>, Refusal> {
        let Some(format) = self.format.flatten().filter(|_| !self.is_schema) else {
            return Err(no_schemas(self.place));
        };
        let place = self.place.part("data");
        let data = self.data.ok_or_else(|| place.malformed("is missing"))?.get();
        let bytes = match format {
            _ if data == "null" => None,
            Format::Json => match compact(data) {
                Some(bytes) => Some(bytes),
                None => return Err(place.malformed("is nested deeper than 127 levels")),
            },
            Format::Binary | Format::String => {
                let text = match serde_json::from_str(data) {
                    Ok(Scalar::Text(text)) => text,
                    Ok(_) => return Err(place.malformed("must be a string, or null")),
                    Err(_) => return Err(place.malformed("has an escape that is no character")),
                };
                match format {
                    Format::Binary => Some(Cow::Owned(values::base64(text.as_bytes(), place)?)),
                    _ => Some(values::bytes(text)),
                }
            }
        };
        let size_bytes = bytes.as_ref().map_or(0, |bytes| bytes.len());
        Ok(Data { bytes, size: Some((format, size_bytes)) })
    }
}

fn format(text: &str, place: Place) -> Result<Format, Refusal> {
    match text {
        "BINARY" => Ok(Format::Binary),
        "JSON" => Ok(Format::Json),
        "STRING" => Ok(Format::String),
        "AVRO" | "JSONSCHEMA" | "PROTOBUF" => Err(no_schemas(place)),
        _ => Err(place.malformed("must be BINARY, JSON or STRING")),
    }
}

fn no_schemas(place: Place) -> Refusal {
    Refusal::NoSchemas(format!(
        "{place}: this gateway has no schema registry: write the type BINARY, JSON or STRING, and no schema"
    ))
}

/// As a list of objects; null is none.
fn headers<'de, A: MapAccess<'de>>(
    map: &mut A,
    place: Place,
    complaint: &Complaint,
) -> Result<Vec<Header<'de>>, A::Error> {
    let raw = map.next_value::<&'de RawValue>()?;
    if raw.get() == "null" {
        return Ok(Vec::new());
    }
    let mut list = HeaderList { place, list: Vec::new() };
    let read = json::read_list(raw.get(), &mut list);
    read.map(|()| list.list).map_err(|why| complaint.raise(why))
}

struct HeaderList<'a> {
    place: Place,
    list: Vec<Header<'a>>,
}

impl<'de> Items<'de> for HeaderList<'de> {
    fn place(&self) -> Place {
        self.place
    }

    fn item<A: SeqAccess<'de>>(
        &mut self,
        list: &mut A,
        complaint: &Complaint,
    ) -> Result<bool, A::Error> {
        let place = self.place.index(self.list.len());
        let mut reader = HeaderReader { place, name: None, value: None };
        if list.next_element_seed(json::object(&mut reader, complaint))?.is_none() {
            return Ok(false);
        }
        let name = reader.name.ok_or_else(|| place.part("name").malformed("is missing"));
        name.and_then(|name| {
            let header = Header { name, value: reader.value.flatten().map(Cow::Owned) };
            push_header(&mut self.list, header, self.place)
        })
        .map_err(|why| complaint.raise(why))?;
        Ok(true)
    }
}

struct HeaderReader<'a> {
    place: Place,
    name: Option<Cow<'a, str>>,
    value: Option<Option<Vec<u8>>>,
}

impl<'de> Fields<'de> for HeaderReader<'de> {
    fn place(&self) -> Place {
        self.place
    }

    fn field<A: MapAccess<'de>>(
        &mut self,
        name: Cow<'de, str>,
        map: &mut A,
        complaint: &Complaint,
    ) -> Result<(), A::Error> {
        match &*name {
            "name" => {
                let place = self.place.part("name");
                let Scalar::Text(text) = map.next_value()? else {
                    return Err(complaint.raise(place.malformed("must be a string")));
                };
                once(&mut self.name, text, place, complaint)
            }
            "value" => {
                let place = self.place.part("value");
                let value = match map.next_value::<Scalar<'_>>()? {
                    Scalar::Null => Ok(None),
                    Scalar::Text(text) => values::base64(text.as_bytes(), place).map(Some),
                    _ => Err(place.malformed("must be a string of base64, or null")),
                };
                once(&mut self.value, value.map_err(|why| complaint.raise(why))?, place, complaint)
            }
            _ => {
                let what = "has an unknown field: known are name and value";
                Err(complaint.raise(self.place.malformed(what)))
            }
        }
    }
}
