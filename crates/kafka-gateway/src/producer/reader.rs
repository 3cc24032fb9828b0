//! The context of the consumer that reads what is in Kafka already: what is normal there is no line of the log.

use std::time::Instant;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use tracing::{debug, warn};

use super::classify;
use super::client::Lines;

/// A consumer's context.
#[derive(Default)]
pub(crate) struct Reading {
    lines: Lines,
}

impl ConsumerContext for Reading {}

impl ClientContext for Reading {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.lines.tell(NAME, level, facility, message);
    }

    /// Whoever polls gets each of these too, and decides.
    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
        let name = classify::name(code);
        if code == RDKafkaErrorCode::PartitionEOF {
            debug!(client = NAME, "{reason}");
        } else if let Some(unwritten) = self.lines.admit(name, Instant::now()) {
            warn!(client = NAME, error = name, unwritten, "Kafka: {reason}");
        }
    }
}

/// As lines of the log call it.
const NAME: &str = "recovery";

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_end_of_a_partition_is_no_news_and_a_broker_that_is_away_is() {
        let written = Written::default();
        let to = written.clone();
        let lines = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_ansi(false)
            .without_time()
            .with_writer(move || to.clone())
            .finish();
        tracing::subscriber::with_default(lines, || {
            let context = Reading::default();
            context.error(KafkaError::Global(RDKafkaErrorCode::PartitionEOF), "at its end");
            for _ in 0..3 {
                context.error(KafkaError::Global(RDKafkaErrorCode::AllBrokersDown), "all away");
            }
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let levels: Vec<_> = text.lines().map(|line| line.split_whitespace().next()).collect();
        assert_eq!(levels, [Some("DEBUG"), Some("WARN")], "{text}");
        assert!(text.contains("at its end") && text.contains("_ALL_BROKERS_DOWN"), "{text}");
    }
}
