//! What there is to draw: each client, topic and group with its own whole number, and the lines between them.

use std::collections::BTreeMap;

use super::{Asks, Pair};
use crate::views::View;
use crate::views::sheet::{Answers, label};

/// A node that may be drawn, or be part of the rest.
#[derive(Default)]
pub(super) struct Weight {
    /// Bytes and records; none of groups.
    pub(super) moved: Option<Moved>,
    pub(super) error_share: Option<f64>,
    pub(super) lag: Option<f64>,
    /// A topic that has no counts of its own.
    pub(super) of_clients: bool,
}

/// Bytes and records a second.
#[derive(Clone, Copy, Default)]
pub(super) struct Moved {
    pub(super) bytes: f64,
    pub(super) records: f64,
}

impl Moved {
    pub(super) fn add(self, other: Self) -> Self {
        Self { bytes: self.bytes + other.bytes, records: self.records + other.records }
    }
}

/// One line of the map: a topic and a client or group.
pub(super) struct Edge<'a> {
    pub(super) topic: &'a str,
    pub(super) other: &'a str,
    pub(super) flow: Flow,
}

/// What goes along a line.
#[derive(Clone, Copy)]
pub(super) enum Flow {
    /// To and from clients.
    Moved(Moved),
    /// How far behind a group is.
    Lag(f64),
}

impl Flow {
    pub(super) fn add(self, other: Self) -> Self {
        match (self, other) {
            (Self::Moved(one), Self::Moved(other)) => Self::Moved(one.add(other)),
            (Self::Lag(one), Self::Lag(other)) => Self::Lag(one + other),
            (one, _) => one,
        }
    }

    pub(super) fn moved(self) -> Option<Moved> {
        match self {
            Self::Moved(moved) => Some(moved),
            Self::Lag(_) => None,
        }
    }
}

pub(super) struct Graph<'a> {
    pub(super) asks: &'a Asks,
    pub(super) writers: BTreeMap<&'a str, Weight>,
    pub(super) topics: BTreeMap<&'a str, Weight>,
    pub(super) clients: BTreeMap<&'a str, Weight>,
    pub(super) groups: BTreeMap<&'a str, Weight>,
    pub(super) written: Vec<Edge<'a>>,
    pub(super) read: Vec<Edge<'a>>,
    pub(super) committed: Vec<Edge<'a>>,
}

impl<'a> Graph<'a> {
    /// Each node has its own whole number, also where a search leaves only some of its edges.
    pub(super) fn new(view: &View<'_>, answers: &'a Answers, asks: &'a Asks) -> Self {
        let mut written = edges(answers, &asks.written);
        let mut read = edges(answers, &asks.read);
        let mut committed: Vec<Edge<'a>> = answers
            .by_pair(&asks.committed)
            .map(|(topic, other, lag)| Edge { topic, other, flow: Flow::Lag(lag) })
            .collect();
        if view.asked.searches() {
            // What is looked for, and whatever it is tied to.
            for edges in [&mut written, &mut read, &mut committed] {
                edges.retain(|edge| view.asked.finds(edge.topic) || view.asked.finds(edge.other));
            }
        }
        let mut graph = Self {
            asks,
            writers: weights(&written, answers, &asks.writers),
            topics: BTreeMap::new(),
            clients: weights(&read, answers, &asks.readers),
            groups: BTreeMap::new(),
            written,
            read,
            committed,
        };
        graph.weigh_topics(view, answers);
        graph.weigh_groups(answers);
        graph
    }

    fn weigh_topics(&mut self, view: &View<'_>, answers: &'a Answers) {
        let counted = &self.asks.counted;
        let known = counted.topics(answers) || counted.clients(answers);
        for edge in self.written.iter().chain(&self.read).chain(&self.committed) {
            self.topics.entry(edge.topic).or_default().moved = known.then(Moved::default);
        }
        let [own, of_clients] = [true, false].map(|has_own| {
            let mut sum: BTreeMap<&str, Moved> = BTreeMap::new();
            for (topic, moved) in
                self.asks.of_topic(has_own).into_iter().flat_map(|pair| moved(answers, pair))
            {
                let sum = sum.entry(topic).or_default();
                *sum = sum.add(moved);
            }
            sum
        });
        // Also those without an edge: the filter may count no clients.
        let moving = own.iter().filter(|(topic, moved)| {
            moved.bytes > 0.0 && !topic.is_empty() && view.asked.finds(topic)
        });
        for (&topic, _) in moving {
            self.topics.entry(topic).or_default();
        }
        for (topic, weight) in &mut self.topics {
            // Envoy keeps the series of a switch that was turned off: they stand still.
            let has = |counts: &BTreeMap<&str, Moved>| {
                counts.get(topic).is_some_and(|moved| moved.bytes > 0.0)
            };
            weight.of_clients = !has(&own) && has(&of_clients);
            let moved = if weight.of_clients { of_clients.get(topic) } else { own.get(topic) };
            weight.moved = moved.copied().or(weight.moved);
        }
        let errors = answers.by_label(&self.asks.topic_errors);
        let requests = answers.by_label(&self.asks.topic_requests);
        let lag = answers.by_label(&self.asks.topic_lag);
        for (topic, weight) in &mut self.topics {
            weight.error_share = share(errors.get(topic), requests.get(topic));
            weight.lag = lag.get(topic).copied();
        }
    }

    fn weigh_groups(&mut self, answers: &'a Answers) {
        let errors = answers.by_label(&self.asks.group_errors);
        let requests = answers.by_label(&self.asks.group_requests);
        let lags = answers.by_label(&self.asks.group_lag);
        for edge in &self.committed {
            let weight = self.groups.entry(edge.other).or_default();
            weight.lag = lags.get(edge.other).copied();
            weight.error_share = share(errors.get(edge.other), requests.get(edge.other));
        }
    }
}

/// What moved anything.
fn edges<'a>(answers: &'a Answers, pair: &Pair) -> Vec<Edge<'a>> {
    let records: BTreeMap<_, _> = answers
        .by_pair(&pair.records)
        .map(|(topic, client, value)| ((topic, client), value))
        .collect();
    answers
        .by_pair(&pair.bytes)
        .filter(|(_, _, bytes)| *bytes > 0.0)
        .map(|(topic, other, bytes)| {
            let records = records.get(&(topic, other)).copied().unwrap_or_default();
            Edge { topic, other, flow: Flow::Moved(Moved { bytes, records }) }
        })
        .collect()
}

/// By the first label, summed over others.
fn moved<'a>(answers: &'a Answers, pair: &Pair) -> BTreeMap<&'a str, Moved> {
    let mut moved: BTreeMap<&str, Moved> = BTreeMap::new();
    for sample in answers.vector(&pair.bytes) {
        moved.entry(label(sample, 0)).or_default().bytes += sample.value;
    }
    for sample in answers.vector(&pair.records) {
        if let Some(moved) = moved.get_mut(label(sample, 0)) {
            moved.records += sample.value;
        }
    }
    moved
}

/// Of the clients at the ends of edges.
fn weights<'a>(edges: &[Edge<'a>], answers: &'a Answers, pair: &Pair) -> BTreeMap<&'a str, Weight> {
    let moved = moved(answers, pair);
    let weight = |edge: &Edge<'a>| {
        (edge.other, Weight { moved: moved.get(edge.other).copied(), ..Weight::default() })
    };
    edges.iter().map(weight).collect()
}

/// Errors by requests; no errors are 0 where there are requests.
fn share(errors: Option<&f64>, requests: Option<&f64>) -> Option<f64> {
    let requests = requests.copied().filter(|&requests| requests > 0.0)?;
    Some(errors.copied().unwrap_or_default() / requests)
}
