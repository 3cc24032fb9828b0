//! Bytes and records between clients and topics, one way: of a client by topic, or of a topic by client.

use super::View;
use super::series::{Series, ratio};
use super::sheet::{Ask, Sheet};
use super::table::{Table, heading};
use crate::page::Unit;

/// What is asked about it.
pub(super) struct Flow {
    pub(super) bytes: Ask,
    records: Ask,
    share: Ask,
    /// Bytes over the whole range.
    pub(super) rank: Ask,
}

impl Flow {
    /// `all` are the bytes of which those of a row are a share.
    pub(super) fn new(sheet: &mut Sheet, view: &View<'_>, moved: [Series; 2], all: Series) -> Self {
        let (window, range) = (view.asked.window(), view.asked.range());
        let [bytes, records] = moved;
        Self {
            share: sheet.ask(ratio(bytes.clone().rate(), all.rate()), window),
            rank: sheet.ask(bytes.clone().increase(), range),
            bytes: sheet.ask(bytes.rate(), window),
            records: sheet.ask(records.rate(), window),
        }
    }

    /// Behind the label of a table; `share` says of what it is one.
    pub(super) fn columns<'a>(&self, table: Table<'a>, share: &'static str) -> Table<'a> {
        table
            .measure(heading("bytes", "Bytes", Unit::BytesPerSecond, BYTES), &self.bytes)
            .measure(heading("records", "Records", Unit::RecordsPerSecond, RECORDS), &self.records)
            .measure(heading("share", "Share", Unit::Share, share), &self.share)
            .sorted("bytes", &["records"])
    }
}

pub(super) const RECORDS: &str = "As batch headers count them, over the window.";

const BYTES: &str = "On the wire, over the window.";
