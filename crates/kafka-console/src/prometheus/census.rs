//! What one look at a Prometheus finds besides fresh numbers: how many proxies have none any more, and how often they
//! are scraped in truth.

use std::time::Duration;

use super::api::Series;
use crate::terms::SCRAPE_INTERVALS;

/// What was counted, as far as Prometheus could tell.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Census {
    /// Proxies that have shown metrics of the filter lately.
    seen: u64,
    /// Those of them that show none now and whose scrape was not good either.
    gone: u64,
    /// Those of them that Prometheus still tries to scrape; the others left its list of targets.
    silent: u64,
    /// Proxies that there were at the begin of this time.
    before: u64,
    /// From one scrape to the next.
    pub(super) every: Option<Duration>,
}

/// What is wrong, and what to do about it.
type Said = (String, String);

/// One answer of at most five numbers, however many proxies there are: each has its name as the only label.
///
/// A proxy is gone by the same measure as on the page Health, but for one that has numbers of its own: some Prometheus
/// do not keep `up`. From one scrape to the next is the time between two samples through how many were counted from the
/// one to the other; the shortest of several such times, because a scrape that failed only makes it longer, and that of
/// most proxies. One without samples five minutes ago is too young to tell.
pub(super) const CENSUS: &str = r#"
label_replace(
  count(count by (instance) (last_over_time(kafka_filter_build_info[15m]))),
  "is", "seen", "", "")
or label_replace(
  count(
    count by (instance) (last_over_time(kafka_filter_build_info[15m]))
    unless (count by (instance) (kafka_filter_build_info) or max by (instance) (up) > 0)),
  "is", "gone", "", "")
or label_replace(
  count(
    (count by (instance) (last_over_time(kafka_filter_build_info[15m]))
     unless count by (instance) (kafka_filter_build_info))
    and max by (instance) (up) == 0),
  "is", "silent", "", "")
or label_replace(
  count(count by (instance) (kafka_filter_build_info offset 15m)),
  "is", "before", "", "")
or label_replace(
  quantile(0.5,
    min_over_time((
      (timestamp(kafka_filter_build_info) - timestamp(kafka_filter_build_info offset 2m))
      / count_over_time(kafka_filter_build_info[2m]))[10m:2m])
    and kafka_filter_build_info offset 5m),
  "is", "every", "", "")
"#;

impl Census {
    pub(super) fn of(series: &[Series]) -> Self {
        let number = |name: &str| {
            let one = series.iter().find(|one| &*one.label("is") == name)?;
            one.points(0, 0, 1).first().copied()?
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a whole number, and far below 2^53"
        )]
        let count = |name: &str| number(name).unwrap_or(0.0).max(0.0) as u64;
        let every = number("every").and_then(|every| Duration::try_from_secs_f64(every).ok());
        Self {
            seen: count("seen"),
            gone: count("gone"),
            silent: count("silent"),
            before: count("before"),
            every: every.filter(|every| !every.is_zero()).map(rounded),
        }
    }

    /// What there is to say although numbers are fresh: first what makes all of them wrong.
    pub(super) fn said(&self, told: Duration) -> Option<Said> {
        self.too_few_scrapes(told).or_else(|| self.missing())
    }

    /// Of windows that are made for more scrapes than there are, the shortest hold one sample, and no rate.
    fn too_few_scrapes(&self, told: Duration) -> Option<Said> {
        let every = self.every.filter(|every| *every * 2 > told * 3)?;
        let message = format!(
            "Prometheus scrapes about every {}, and the console is told {}: windows are too short for rates",
            text(every, " "),
            text(told, " ")
        );
        let most = *SCRAPE_INTERVALS.end();
        let remedy = if every > most {
            let most = text(most, "");
            format!(
                "let Prometheus scrape the proxies every {most}, and start the console with --scrape-interval={most}"
            )
        } else {
            format!("start the console with --scrape-interval={}", text(every, ""))
        };
        Some((message, remedy))
    }

    /// Proxies that left Prometheus' list of targets count only where there are fewer than before: a rollout replaces
    /// all of them, and nothing is missing.
    fn missing(&self) -> Option<Said> {
        let here = self.seen.saturating_sub(self.gone);
        if here + self.silent < self.before && self.gone > self.silent {
            let message = format!(
                "{} of {} proxies that were seen within 15 minutes have no new numbers",
                self.gone, self.seen
            );
            let remedy = "the page Health lists them; pods that were scaled down leave this list after 15 minutes";
            return Some((message, remedy.to_owned()));
        }
        (self.silent > 0).then(|| {
            let message = format!(
                "{} of {} proxies do not answer Prometheus, and have no new numbers",
                self.silent,
                here + self.silent
            );
            let remedy = "the page Health lists them; see in Prometheus under Targets why";
            (message, remedy.to_owned())
        })
    }
}

/// Scrapes are some milliseconds early or late.
fn rounded(every: Duration) -> Duration {
    if every < Duration::from_secs(10) {
        let tenths = (every.as_millis() + 50) / 100;
        Duration::from_millis(u64::try_from(tenths * 100).unwrap_or(u64::MAX))
    } else {
        Duration::from_secs((every + Duration::from_millis(500)).as_secs())
    }
}

/// As the flag takes it, with that between number and unit.
fn text(time: Duration, between: &str) -> String {
    match time.subsec_millis() {
        0 => format!("{}{between}s", time.as_secs()),
        _ => format!("{}{between}ms", time.as_millis()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN: Duration = Duration::from_secs(10);

    fn census(seen: u64, gone: u64, silent: u64, before: u64) -> Census {
        Census { seen, gone, silent, before, every: Some(TEN) }
    }

    #[test]
    fn who_left_is_told_from_who_was_replaced() {
        let cases = [
            // seen, gone, silent, before
            (census(10, 0, 0, 10), None),
            // Some were scaled down, or went by themselves.
            (census(10, 2, 0, 10), Some("2 of 10 proxies that were seen")),
            (census(10, 3, 1, 10), Some("3 of 10 proxies that were seen")),
            // A rollout, in its midst and after it.
            (census(14, 4, 0, 10), None),
            (census(20, 10, 0, 10), None),
            (census(20, 11, 1, 10), Some("1 of 10 proxies do not answer")),
            // Up and down again, and a Prometheus that is young.
            (census(20, 10, 0, 5), None),
            (census(10, 5, 0, 0), None),
            // They are still on the list.
            (census(10, 3, 3, 10), Some("3 of 10 proxies do not answer")),
            (census(10, 3, 3, 0), Some("3 of 10 proxies do not answer")),
        ];
        for (census, start) in cases {
            let said = census.said(TEN).map(|(message, _)| message);
            let is = said
                .as_deref()
                .is_some_and(|message| start.is_some_and(|start| message.starts_with(start)));
            assert_eq!(
                (is, said.is_some()),
                (start.is_some(), start.is_some()),
                "{census:?} {said:?}"
            );
        }
    }

    #[test]
    fn few_scrapes_are_told_before_what_is_missing() {
        let seconds = Duration::from_secs_f64;
        let cases = [
            (10.0, 10.0, None),
            // Half as long again, and some milliseconds: windows still hold enough.
            (15.02, 10.0, None),
            (
                29.98,
                10.0,
                Some(("every 30 s, and the console is told 10 s", "--scrape-interval=30s")),
            ),
            (60.0, 10.0, Some(("every 60 s, ", "--scrape-interval=60s"))),
            (
                120.0,
                60.0,
                Some((
                    "every 120 s, ",
                    "every 60s, and start the console with --scrape-interval=60s",
                )),
            ),
            (
                2.5,
                0.5,
                Some(("every 2500 ms, and the console is told 500 ms", "--scrape-interval=2500ms")),
            ),
            // More often than is told is no harm.
            (1.0, 10.0, None),
        ];
        for (every, told, expected) in cases {
            let every = Some(rounded(seconds(every)));
            let said = Census { every, ..census(10, 2, 2, 10) }.said(seconds(told)).unwrap();
            let (message, remedy) =
                expected.unwrap_or(("2 of 10 proxies do not answer", "Targets why"));
            assert!(said.0.contains(message) && said.1.ends_with(remedy), "{said:?}");
        }
    }
}
