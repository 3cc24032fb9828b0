//! What the filter does not count here, told from what it always counts: a switch of its configuration that is off must
//! not read as 0, and least of all as "nobody to upgrade".

use kafka_wire::schema;

use super::series::Series;
use super::sheet::{Answers, Ask, Sheet};
use super::{View, info, warning};
use crate::expr::catalog::names;
use crate::page::Note;

/// Whether bytes are counted by topic, and by client.
pub(super) struct Counted {
    produce: Ask,
    topics: [Ask; 2],
    clients: [Ask; 2],
}

impl Counted {
    pub(super) fn ask(sheet: &mut Sheet, view: &View<'_>) -> Self {
        let mut rate = |series: Series| sheet.ask(series.rate(), view.asked.window());
        Self {
            produce: rate(view.series(names::REQUESTS).is("request", "Produce")),
            topics: [names::TOPIC_PRODUCED_BYTES, names::TOPIC_FETCHED_BYTES]
                .map(|metric| rate(view.series(metric))),
            clients: [names::CLIENT_PRODUCED_BYTES, names::CLIENT_FETCHED_BYTES]
                .map(|metric| rate(view.series(metric))),
        }
    }

    /// False where bytes move, and none of a topic. That a topic has series says nothing: Envoy keeps those of a switch
    /// that was turned off.
    pub(super) fn topics(&self, answers: &Answers) -> bool {
        self.topics.iter().any(|ask| moves(answers, ask)) || !self.any_moves(answers)
    }

    /// False where bytes move, and none of a client.
    pub(super) fn clients(&self, answers: &Answers) -> bool {
        self.clients.iter().any(|ask| moves(answers, ask)) || !self.any_moves(answers)
    }

    pub(super) fn topics_note(&self, answers: &Answers) -> Option<Note> {
        (!self.topics(answers)).then(|| {
            info(
                "Records are written or read, and no topic is counted: the filter counts no topics here.",
                Some(
                    "Where the configuration of the filter has metrics.topics off, turn it on to see bytes, records and \
                     errors of each topic (docs/configuration.md).",
                ),
            )
        })
    }

    pub(super) fn clients_note(&self, answers: &Answers) -> Option<Note> {
        (!self.clients(answers)).then(|| {
            info(
                "Records are written or read, and no client is known: the filter counts no clients here.",
                Some(
                    "Where the configuration of the filter has metrics.clients off, turn it on to see who writes and reads \
                     (docs/configuration.md).",
                ),
            )
        })
    }

    fn any_moves(&self, answers: &Answers) -> bool {
        let mut all = [&self.produce].into_iter().chain(&self.topics).chain(&self.clients);
        all.any(|ask| moves(answers, ask))
    }
}

fn moves(answers: &Answers, ask: &Ask) -> bool {
    answers.number(ask).is_some_and(|value| value > 0.0)
}

/// Whether versions that Kafka 4 refuses are counted by client.
pub(super) struct Refused {
    by_client: Ask,
    spoken: Ask,
}

impl Refused {
    pub(super) fn ask(sheet: &mut Sheet, view: &View<'_>) -> Self {
        let range = view.asked.range();
        Self {
            by_client: sheet.ask(view.series(names::DEPRECATED_REQUESTS).increase(), range),
            spoken: sheet.ask(view.series(names::REQUESTS).by(VERSION).increase(), range),
        }
    }

    /// False where such versions are spoken, and nobody is counted who does.
    pub(super) fn is_counted(&self, answers: &Answers) -> bool {
        moves(answers, &self.by_client) || !self.are_spoken(answers)
    }

    pub(super) fn note(&self, answers: &Answers) -> Option<Note> {
        (!self.is_counted(answers)).then(|| {
            warning(
                "Versions that brokers of Kafka 4 refuse are spoken, and it is not known by whom: the filter does not count \
                 them by client here.",
                "Where the configuration of the filter has metrics.deprecated off, turn it on (docs/configuration.md); of a \
                 client that came for a moment only, Prometheus counts 0. Requests has the versions.",
            )
        })
    }

    fn are_spoken(&self, answers: &Answers) -> bool {
        let mut spoken = answers.by_pair(&self.spoken).filter(|(_, _, requests)| *requests > 0.0);
        spoken.any(|(request, version, _)| is_refused(request, version))
    }
}

/// Whether brokers of Kafka 4 refuse this version of a request, by the filter's labels `request` and `api_version`
/// (KIP-896).
pub(super) fn is_refused(request: &str, version: &str) -> bool {
    // Fetch has two names, by who fetches.
    let name = match request {
        "FetchConsumer" | "FetchFollower" => "Fetch",
        other => other,
    };
    let api = schema::apis().find(|api| api.name == name);
    let version = version.parse().ok();
    api.zip(version).is_some_and(|(api, version)| api.refused.contains(version))
}

/// Instead of "nobody" where it is not counted who speaks refused versions.
pub(super) const UNNAMED: &str =
    "Such versions are spoken, and it is not known by whom: metrics.deprecated may be off.";

const VERSION: &[&str] = &["request", "api_version"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_is_what_the_tables_of_kafka_4_say() {
        for (request, version, refused) in [
            ("Produce", "2", true),
            ("Produce", "3", false),
            ("FetchConsumer", "3", true),
            ("FetchFollower", "3", true),
            ("FetchConsumer", "4", false),
            ("Metadata", "0", false),
            ("ControlledShutdown", "0", true),
            ("api_key_113", "0", false),
            ("Produce", "__other__", false),
        ] {
            assert_eq!(is_refused(request, version), refused, "{request} {version}");
        }
    }
}
