//! Client libraries and Kafka 4: the least release of each that can talk to its brokers, and where that is said.
//!
//! - Java: "clients must be on version 2.1 or higher", <https://kafka.apache.org/40/getting-started/upgrade>.
//! - Others: [KIP-896](https://cwiki.apache.org/confluence/display/KAFKA/KIP-896%3A+Remove+old+client+protocol+API+versions+in+Kafka+4.0) kept every version that the newest releases at the
//!   end of 2021 needed, and names them: librdkafka 1.8.2, KafkaJS 1.15.0, Sarama 1.30.1, kafka-python 2.0.2. Older
//!   ones may do; nobody has promised it.

use crate::page::{Cell, Panel, Tone, Unit};
use crate::views::sheet::Answers;
use crate::views::table::{Table, heading, toned};

/// A client library.
struct Library {
    name: &'static str,
    /// The least release.
    since: &'static str,
    /// How client ids look that nobody has set.
    client_ids: &'static str,
    hints: fn(&str) -> bool,
    /// Names in KIP-511 that are this library, or wrap it.
    software: &'static [&'static str],
    remedy: &'static str,
    reason: &'static str,
}

/// Text for one client: by the library that its id hints at.
pub(in crate::views) fn remedy(client_id: &str) -> String {
    let found = LIBRARIES.iter().find(|library| (library.hints)(client_id));
    found.map_or_else(
        || GENERAL.to_owned(),
        |library| format!("Looks like {}: {}", library.name, library.remedy),
    )
}

/// Whether a library's release can talk to brokers of Kafka 4.
pub(in crate::views) fn verdict(software: &str, version: &str) -> Cell {
    let Some(library) = LIBRARIES.iter().find(|library| library.software.contains(&software))
    else {
        return Cell::Text("not known: see what it speaks".to_owned());
    };
    // A wrapper tells its own release and librdkafka's: `2.16.1-rdkafka-2.16.0`.
    let version = version.rsplit_once("rdkafka-").map_or(version, |(_, version)| version);
    match (release(version), release(library.since)) {
        (Some(told), Some(since)) if told >= since => toned("works", Tone::Good),
        (Some(_), Some(_)) => {
            toned(format!("upgrade to {} or newer", library.since), Tone::Warning)
        }
        _ => Cell::Text("not known: see what it speaks".to_owned()),
    }
}

/// The first three numbers.
fn release(version: &str) -> Option<[u32; 3]> {
    let mut numbers = version.trim_start_matches('v').split(['.', '-', '+']).map(str::parse::<u32>);
    let first = numbers.next()?.ok()?;
    let mut next = || numbers.next().and_then(Result::ok).unwrap_or_default();
    Some([first, next(), next()])
}

/// The libraries as a table.
pub(super) fn table(answers: &Answers) -> Panel {
    let rows: Vec<_> = LIBRARIES.iter().map(|library| vec![library.name.into()]).collect();
    let find = |key: &[std::sync::Arc<str>], text: fn(&Library) -> &'static str| {
        let library =
            LIBRARIES.iter().find(|library| key.first().is_some_and(|k| **k == *library.name));
        library.map_or(Cell::None, |library| Cell::Text(text(library).to_owned()))
    };
    Table::new("libraries", "What to do, by library", TABLE)
        .label("library", "Library", None, "And what is built on it.")
        .cell(
            heading(
                "least",
                "At least",
                Unit::Text,
                "The least release that works with brokers of Kafka 4.",
            ),
            move |key| find(key, |library| library.since),
        )
        .cell(
            heading(
                "client_ids",
                "Default client ids",
                Unit::Text,
                "How to know it when nobody set an id.",
            ),
            move |key| find(key, |library| library.client_ids),
        )
        .cell(
            heading("remedy", "What to do", Unit::Text, "And what is easily forgotten."),
            move |key| find(key, |library| library.remedy),
        )
        .cell(heading("reason", "Says who", Unit::Text, "Where this is from."), move |key| {
            find(key, |library| library.reason)
        })
        .sorted("library", &[])
        .panel_of(answers, rows)
}

const GENERAL: &str = "Find the client by its address in Envoy's access log, and upgrade its library: the table below has \
    the least release of each.";

const TABLE: &str = "The least release of each library that can talk to brokers of Kafka 4. New releases talk to old \
    brokers too, so clients go first.";

const KIP_896: &str = "KIP-896 was held against this release";

const LIBRARIES: &[Library] = &[
    Library {
        name: "Java client (and Streams, Connect, Spring)",
        since: "2.1.0",
        client_ids: "producer-1, consumer-<group>-1, adminclient-1",
        hints: |id| {
            let numbered = |prefix| {
                id.strip_prefix(prefix).is_some_and(|rest: &str| {
                    rest.rsplit('-').next().is_some_and(|number| number.parse::<u32>().is_ok())
                })
            };
            numbered("producer-") || numbered("consumer-") || numbered("adminclient-")
        },
        software: &["apache-kafka-java"],
        remedy: "use kafka-clients 2.1 or newer.",
        reason: "Kafka's upgrade notes for 4.0",
    },
    Library {
        name: "librdkafka (and confluent-kafka for Python, Go, .NET, JavaScript)",
        since: "1.8.2",
        client_ids: "rdkafka",
        hints: |id| id == "rdkafka" || id.starts_with("rdkafka#"),
        software: &[
            "librdkafka",
            "confluent-kafka-python",
            "confluent-kafka-go",
            "confluent-kafka-dotnet",
            "confluent-kafka-javascript",
        ],
        remedy: "use librdkafka 1.8.2 or newer, and remove api.version.request=false and broker.version.fallback: with \
                 these it speaks old versions whatever its release.",
        reason: KIP_896,
    },
    Library {
        name: "KafkaJS",
        since: "1.15.0",
        client_ids: "kafkajs",
        hints: |id| id == "kafkajs",
        software: &["kafkajs"],
        remedy: "use KafkaJS 1.15.0 or newer; it asks the broker which versions it takes.",
        reason: KIP_896,
    },
    Library {
        name: "Sarama",
        since: "1.30.1",
        client_ids: "sarama",
        hints: |id| id == "sarama",
        software: &["sarama"],
        remedy: "use Sarama 1.30.1 or newer, and set Config.Version to V2_1_0_0 or later: it speaks the versions of \
                 that setting.",
        reason: KIP_896,
    },
    Library {
        name: "kafka-python",
        since: "2.0.2",
        client_ids: "kafka-python-2.0.2, kafka-python-producer-1",
        hints: |id| id.starts_with("kafka-python"),
        software: &["kafka-python"],
        remedy: "use kafka-python 2.0.2 or newer, and remove api_version from its settings: with it, it speaks the \
                 versions of that broker release.",
        reason: KIP_896,
    },
    Library {
        name: "aiokafka",
        since: "newest",
        client_ids: "aiokafka-0.12.0",
        hints: |id| id.starts_with("aiokafka"),
        software: &[],
        remedy: "use the newest release, and remove api_version from its settings.",
        reason: "no release is promised",
    },
    Library {
        name: "kafka-go (segmentio)",
        since: "newest",
        client_ids: "<program>@<host> (github.com/segmentio/kafka-go)",
        hints: |id| id.contains("segmentio/kafka-go"),
        software: &[],
        remedy: "use the newest release.",
        reason: "no release is promised",
    },
    Library {
        name: "franz-go",
        since: "newest",
        client_ids: "kgo",
        hints: |id| id == "kgo",
        software: &[],
        remedy: "use the newest release, and remove kgo.MaxVersions from its options.",
        reason: "no release is promised",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_by_number() {
        for (software, version, works) in [
            ("apache-kafka-java", "4.3.1", true),
            ("apache-kafka-java", "2.10.0", true),
            ("librdkafka", "2.0.2", true),
            ("librdkafka", "1.8.2", true),
            ("librdkafka", "1.8.0-RC1", false),
            ("confluent-kafka-python", "2.16.1-rdkafka-2.16.0", true),
            ("confluent-kafka-python", "1.9.0-rdkafka-1.6.0", false),
            ("kafka-python", "3.0.12", true),
        ] {
            let Cell::Toned { tone, .. } = verdict(software, version) else {
                panic!("{software} {version}")
            };
            assert_eq!(tone == Tone::Good, works, "{software} {version}");
        }
        for (software, version) in [("librdkafka", "unknown"), ("kgo", "1.0"), ("<b>", "1.0")] {
            assert!(matches!(verdict(software, version), Cell::Text(_)), "{software} {version}");
        }
    }

    #[test]
    fn a_default_client_id_hints_at_its_library() {
        for (id, library) in [
            ("rdkafka", "librdkafka"),
            ("producer-1", "Java"),
            ("consumer-billing-3", "Java"),
            ("sarama", "Sarama"),
            ("kafka-python-1.4.6", "kafka-python"),
            ("orders@host (github.com/segmentio/kafka-go)", "kafka-go"),
        ] {
            assert!(remedy(id).contains(library), "{id}: {}", remedy(id));
        }
        for id in ["from-2015", "producer-of-orders", "<script>", ""] {
            assert_eq!(remedy(id), GENERAL, "{id}");
        }
    }
}
