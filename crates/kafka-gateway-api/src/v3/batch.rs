//! `records:batch`: `{"entries":[{"id":"1", ..a produce request..}]}`.
//!
//! As Confluent does, the answer is 207 whatever became of the entries, with `successes` and `failures`. A batch that is
//! empty, too long, or whose ids are missing, malformed or not unique is refused whole. An entry that is wrong in any
//! other way is refused alone, where Confluent refuses some of those wholes.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::Serialize;
use serde::de::{IgnoredAny, MapAccess, SeqAccess};
use serde_json::value::RawValue;

use super::{Produce, Report, Sizes, produce};
use crate::json::{self, Complaint, Fields, Items, Place, Scalar, once};
use crate::response::{self, JSON};
use crate::{Outcome, Refusal, Response};

/// One entry of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The client's, unique in the batch.
    pub id: Cow<'a, str>,
    /// A wrong entry is refused alone.
    pub produce: Result<Produce<'a>, Refusal>,
}

/// What became of one entry.
#[derive(Debug, Clone)]
pub struct Answer<'a> {
    /// The entry's.
    pub id: &'a str,
    /// The entry's.
    pub sizes: Sizes,
    /// The record's, or the refusal of a wrong entry.
    pub outcome: Outcome,
}

/// Reads a body.
///
/// # Errors
/// When the body is no batch.
pub fn parse<'a>(
    topic: &'a str,
    body: &'a [u8],
    records_max: usize,
) -> Result<Vec<Entry<'a>>, Refusal> {
    let mut reader = BatchReader { records_max, entries: None };
    json::read(json::text(body)?, &mut reader)?;
    let texts = reader.entries.ok_or_else(|| ENTRIES.malformed("is missing"))?;
    if texts.is_empty() {
        return Err(batch(ENTRIES, "is empty"));
    }
    let mut entries = Vec::with_capacity(texts.len());
    let mut ids = HashSet::with_capacity(texts.len());
    for (index, text) in texts.into_iter().enumerate() {
        let (id, produce) = match produce::read(topic, text, Some(index)) {
            Ok((produce, id)) => (id, Ok(produce)),
            Err(refusal) => (id_of(text), Err(refusal)),
        };
        let place = Place { entry: Some(("entries", index)), field: "id", ..Place::default() };
        let id = id.filter(|id| is_id(id)).ok_or_else(|| batch(place, ID))?;
        if !ids.insert(id.clone()) {
            return Err(batch(place, "is the id of an earlier entry too"));
        }
        entries.push(Entry { id, produce });
    }
    Ok(entries)
}

/// The answer for the entries, in their order.
#[must_use]
pub fn respond(cluster: &str, topic: &str, answers: &[Answer<'_>]) -> Response {
    let mut body = Body { successes: Vec::new(), failures: Vec::new() };
    let mut retry_after = None;
    for Answer { id, sizes, outcome } in answers {
        match outcome {
            Outcome::Refused(refusal) => {
                retry_after = retry_after.max(refusal.retry_after());
                body.failures.push(Failure {
                    id,
                    error_code: refusal.error_code(),
                    message: refusal.to_string(),
                });
            }
            _ => body.successes.push(Report::of(Some(id), cluster, topic, *sizes, outcome)),
        }
    }
    Response { status: 207, content_type: JSON, body: response::json(&body), retry_after }
}

#[derive(Serialize)]
struct Body<'a> {
    successes: Vec<Report<'a>>,
    failures: Vec<Failure<'a>>,
}

#[derive(Serialize)]
struct Failure<'a> {
    id: &'a str,
    error_code: i32,
    message: String,
}

const ENTRIES: Place = Place { entry: None, field: "entries", index: None, part: "" };
const ID: &str = "must be a string of 1 to 80 characters of A-Z a-z 0-9 - _";
const ID_SIZE_MAX: usize = 80;

fn batch(place: Place, what: &str) -> Refusal {
    Refusal::Batch(format!("{place}: {what}"))
}

fn is_id(id: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=ID_SIZE_MAX).contains(&id.len()) && id.bytes().all(is_letter)
}

/// The id of an entry that is wrong somewhere.
fn id_of(text: &str) -> Option<Cow<'_, str>> {
    let mut reader = IdReader { id: None };
    json::read(text, &mut reader).ok()?;
    reader.id
}

struct IdReader<'a> {
    id: Option<Cow<'a, str>>,
}

impl<'de> Fields<'de> for IdReader<'de> {
    fn place(&self) -> Place {
        Place::default()
    }

    fn field<A: MapAccess<'de>>(
        &mut self,
        name: Cow<'de, str>,
        map: &mut A,
        complaint: &Complaint,
    ) -> Result<(), A::Error> {
        if name != "id" {
            return map.next_value::<IgnoredAny>().map(drop);
        }
        match map.next_value()? {
            Scalar::Text(id) => once(&mut self.id, id, Place::default(), complaint),
            _ => Ok(()),
        }
    }
}

struct BatchReader<'a> {
    records_max: usize,
    entries: Option<Vec<&'a str>>,
}

impl<'de> Fields<'de> for BatchReader<'de> {
    fn place(&self) -> Place {
        Place::default()
    }

    fn field<A: MapAccess<'de>>(
        &mut self,
        name: Cow<'de, str>,
        map: &mut A,
        complaint: &Complaint,
    ) -> Result<(), A::Error> {
        if name != "entries" {
            let what = "has an unknown field: known is entries";
            return Err(complaint.raise(Place::default().malformed(what)));
        }
        let mut texts = Texts { list: Vec::new(), records_max: self.records_max };
        map.next_value_seed(json::list(&mut texts, complaint))?;
        once(&mut self.entries, texts.list, ENTRIES, complaint)
    }
}

struct Texts<'a> {
    list: Vec<&'a str>,
    records_max: usize,
}

impl<'de> Items<'de> for Texts<'de> {
    fn place(&self) -> Place {
        ENTRIES
    }

    fn item<A: SeqAccess<'de>>(
        &mut self,
        list: &mut A,
        complaint: &Complaint,
    ) -> Result<bool, A::Error> {
        let Some(text) = list.next_element::<&'de RawValue>()? else { return Ok(false) };
        if self.list.len() >= self.records_max {
            let what = format!("more than {} entries in one batch", self.records_max);
            return Err(complaint.raise(batch(ENTRIES, &what)));
        }
        self.list.push(text.get());
        Ok(true)
    }
}
