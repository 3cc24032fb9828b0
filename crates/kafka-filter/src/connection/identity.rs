//! Who is at the client's end of a connection: its client id, its software, the topics it uses.
//!
//! A client id may change from request to request (protocol guide, "Request header"), so each one
//! that is read is compared with the last. It becomes a label value when something is counted for
//! it, not before.

use crate::filter::Meter;
use crate::host::{Fact, Host};
use crate::metrics::catalog::{Label, Metric};
use crate::metrics::groups::MetricGroup;
use crate::metrics::series::{Party, Topic};

/// What is known of the client.
#[derive(Default)]
pub(super) struct Identity {
    /// Of the last request that was read; its memory is used again, as requests of several clients
    /// may take turns.
    client_id: Vec<u8>,
    client: Option<Party>,
    /// The group that was named last.
    group_name: Vec<u8>,
    group: Option<Party>,
    software: Option<Party>,
    /// Its name, until its version is read.
    software_name: Box<[u8]>,
    /// For the access log, as far as they are told.
    topics: Vec<Topic>,
    /// The access log was told a client id; the first one stays.
    client_id_told: bool,
    /// So was the software, which is read again where it is not counted.
    software_told: bool,
}

impl Identity {
    /// A request with this client id passes.
    pub(super) fn saw_client_id<H: Host>(&mut self, meter: &mut Meter<'_, H>, id: Option<&[u8]>) {
        let id = id.unwrap_or_default();
        if *id == *self.client_id {
            return;
        }
        if !std::mem::replace(&mut self.client_id_told, true) {
            meter.note(Fact::ClientId, '/', [id].into_iter());
        }
        self.client_id.clear();
        self.client_id.extend_from_slice(id);
        self.client = None;
    }

    /// The client as a label value.
    pub(super) fn client<H: Host>(&mut self, meter: &mut Meter<'_, H>) -> Party {
        if self.client.is_none() {
            self.client = meter.client(&self.client_id);
        }
        self.client.unwrap_or(Party::OTHER)
    }

    /// A group as a label value: a connection names the same one again and again.
    pub(super) fn group<H: Host>(&mut self, meter: &mut Meter<'_, H>, name: &[u8]) -> Party {
        if let Some(party) = self.group
            && *name == *self.group_name
        {
            return party;
        }
        let party = meter.party(Label::Group, name);
        // What is not told apart is counted as such each time.
        self.group = party.index().map(|_| party);
        self.group_name.clear();
        self.group_name.extend_from_slice(name);
        party
    }

    /// The client's software as a label value, which is counted by its own metrics only.
    pub(super) fn software(&self) -> Party {
        self.software.unwrap_or(Party::NONE)
    }

    /// The first part of what an ApiVersions request tells.
    pub(super) fn saw_software_name(&mut self, name: &[u8]) {
        if self.software.is_none() {
            self.software_name = name.into();
        }
    }

    /// The second part: the connection is counted, the first time.
    pub(super) fn saw_software_version<H: Host>(
        &mut self,
        meter: &mut Meter<'_, H>,
        version: &[u8],
    ) {
        if self.software.is_some() {
            return;
        }
        let name = std::mem::take(&mut self.software_name);
        if !std::mem::replace(&mut self.software_told, true) {
            meter.note(Fact::ClientSoftware, '/', [&*name, version].into_iter());
        }
        if !meter.counts(MetricGroup::Software) {
            return;
        }
        let software = meter.party(Label::Software, &name);
        self.software = Some(software);
        let version = meter.software_version(version);
        let series = meter.series(Metric::ClientSoftwareConnections);
        meter.add(series.party(software).detail(version), 1);
    }

    /// Something is written to the topic or read from it.
    pub(super) fn saw_topic<H: Host>(&mut self, meter: &mut Meter<'_, H>, topic: Topic) {
        if self.topics.len() < TOPICS_NOTED_MAX
            && topic.index().is_some()
            && !self.topics.contains(&topic)
        {
            self.topics.push(topic);
            meter.note_topics(&self.topics);
        }
    }
}

/// Topics of a connection that its access log names.
const TOPICS_NOTED_MAX: usize = 8;
