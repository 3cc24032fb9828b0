//! What a check found, as a table for people and as JSON for programs; the same facts in both.

use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};

/// The whole of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Report {
    pub(super) cluster: Option<String>,
    pub(super) topic: String,
    /// Whether cluster and topic were there to be probed, or why not.
    pub(super) reached: Result<(), String>,
    pub(super) outcomes: Vec<Outcome>,
}

/// One partition.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Outcome {
    pub(super) partition: i32,
    /// Its leader, if it has one.
    pub(super) broker: Option<i32>,
    pub(super) produce: Option<Duration>,
    pub(super) end_to_end: Option<Duration>,
    /// None: it was served.
    pub(super) failure: Option<String>,
}

impl Report {
    pub(super) fn exit_status(&self) -> u8 {
        match &self.reached {
            Err(_) => 3,
            Ok(())
                if self.outcomes.is_empty()
                    || self.outcomes.iter().any(|outcome| outcome.failure.is_some()) =>
            {
                1
            }
            Ok(()) => 0,
        }
    }

    pub(super) fn print(&self, json: bool) {
        let text = if json { format!("{:#}\n", self.json()) } else { self.table() };
        // A reader that went away has seen enough; the exit status is for the others.
        let _ =
            std::io::stdout().write_all(text.as_bytes()).and_then(|()| std::io::stdout().flush());
    }

    fn json(&self) -> Value {
        let verdict = match self.exit_status() {
            0 => "served",
            1 => "failed",
            _ => "not_reached",
        };
        let partitions: Vec<Value> = self.outcomes.iter().map(Outcome::json).collect();
        json!({
            "cluster": self.cluster,
            "topic": self.topic,
            "verdict": verdict,
            "reason": self.reached.as_ref().err(),
            "partitions": partitions,
        })
    }

    /// Columns are as wide as their widest entry; numbers stand to the right. Empty when nothing was probed.
    fn table(&self) -> String {
        if self.outcomes.is_empty() {
            return String::new();
        }
        let mut rows = vec![HEADINGS.map(str::to_owned)];
        rows.extend(self.outcomes.iter().map(Outcome::row));
        let width = |column: usize| {
            rows.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or(0)
        };
        let widths = [width(0), width(1), width(2), width(3)];
        let mut table = String::new();
        for row in &rows {
            for (cell, width) in row.iter().zip(widths) {
                table.push_str(&format!("{cell:>width$}  "));
            }
            let [.., verdict] = row;
            table.push_str(verdict);
            table.push('\n');
        }
        table
    }
}

impl Outcome {
    fn row(&self) -> [String; 5] {
        let number =
            |number: Option<i32>| number.map_or("-".to_owned(), |number| number.to_string());
        let time = |time: Option<Duration>| {
            time.map(milliseconds)
                .map_or("-".to_owned(), |milliseconds| format!("{milliseconds:.1}"))
        };
        let verdict = match &self.failure {
            None => "served".to_owned(),
            Some(reason) => format!("failed: {}", reason.replace(['\n', '\r'], " ")),
        };
        [
            number(self.broker),
            self.partition.to_string(),
            time(self.produce),
            time(self.end_to_end),
            verdict,
        ]
    }

    fn json(&self) -> Value {
        json!({
            "broker": self.broker,
            "partition": self.partition,
            "produce_ms": self.produce.map(milliseconds),
            "end_to_end_ms": self.end_to_end.map(milliseconds),
            "verdict": if self.failure.is_none() { "served" } else { "failed" },
            "reason": self.failure,
        })
    }
}

/// For people, on standard error.
pub(super) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "kafka-canary: {text}");
}

/// With a microsecond as the last digit.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

const HEADINGS: [&str; 5] = ["BROKER", "PARTITION", "PRODUCE MS", "END TO END MS", "VERDICT"];

#[cfg(test)]
mod tests {
    use super::*;

    fn served(partition: i32, produce_us: u64, end_to_end_us: u64) -> Outcome {
        Outcome {
            partition,
            broker: Some(partition + 1),
            produce: Some(Duration::from_micros(produce_us)),
            end_to_end: Some(Duration::from_micros(end_to_end_us)),
            failure: None,
        }
    }

    fn failed(partition: i32) -> Outcome {
        let failure = Some("not acknowledged: timed\nout".to_owned());
        Outcome { partition, broker: None, produce: None, end_to_end: None, failure }
    }

    fn report(outcomes: Vec<Outcome>) -> Report {
        Report { cluster: Some("c-1".to_owned()), topic: "t".to_owned(), reached: Ok(()), outcomes }
    }

    #[test]
    fn columns_are_aligned_and_a_line_is_a_partition() {
        let table = report(vec![served(0, 2_149, 4_250), failed(10)]).table();
        assert_eq!(
            table,
            "BROKER  PARTITION  PRODUCE MS  END TO END MS  VERDICT\n\
             \u{20}    1          0         2.1            4.2  served\n\
             \u{20}    -         10           -              -  failed: not acknowledged: timed out\n"
        );
    }

    #[test]
    fn json_says_the_same() {
        let report = report(vec![served(0, 2_149, 4_250), failed(10)]);
        assert_eq!(
            report.json(),
            json!({
                "cluster": "c-1", "topic": "t", "verdict": "failed", "reason": null,
                "partitions": [
                    {"broker": 1, "partition": 0, "produce_ms": 2.149, "end_to_end_ms": 4.25, "verdict": "served",
                     "reason": null},
                    {"broker": null, "partition": 10, "produce_ms": null, "end_to_end_ms": null, "verdict": "failed",
                     "reason": "not acknowledged: timed\nout"},
                ],
            })
        );
    }

    #[test]
    fn the_exit_status_is_the_worst_of_all() {
        assert_eq!(report(vec![served(0, 1, 1), served(1, 1, 1)]).exit_status(), 0);
        assert_eq!(report(vec![served(0, 1, 1), failed(1)]).exit_status(), 1);
        assert_eq!(report(vec![]).exit_status(), 1);
        let mut away = report(vec![]);
        away.reached = Err("refused".to_owned());
        assert_eq!(away.exit_status(), 3);
        assert_eq!(away.table(), "");
    }
}
