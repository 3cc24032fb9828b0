//! The Prometheus source: asks a Prometheus, or what speaks its HTTP API, for the PromQL of each expression. The engine
//! that scales: the console keeps nothing.
//!
//! Queries at the same time, the time that one may take, and the bytes of an answer have bounds.
//! <https://prometheus.io/docs/prometheus/latest/querying/api/>

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::task::AbortOnDropHandle;

use self::api::Api;
use self::census::{CENSUS, Census};
use crate::expr::{Expr, Line};
use crate::terms::{Figures, Health, Kind, PrometheusSettings, Proxy, SourceError, State};

mod api;
mod census;
mod instances;

/// A Prometheus that is asked; it is looked at in each tick until this is dropped.
#[derive(Debug)]
pub(crate) struct Prometheus {
    api: Arc<Api>,
    tick: Duration,
    seen: Arc<Mutex<Seen>>,
    changes: watch::Receiver<u64>,
    _ticks: AbortOnDropHandle<()>,
}

/// What the last look at it found.
#[derive(Debug, Clone, Default)]
struct Seen {
    /// Unix time of the newest sample of the filter in seconds; `None` where there is none.
    newest_s: Option<f64>,
    error: Option<SourceError>,
    /// Nothing where Prometheus did not count: that hides no numbers.
    census: Census,
    looked: bool,
}

/// Without fresh samples for so long, numbers are old, however short the tick.
const STALE_AT_LEAST: Duration = Duration::from_secs(60);
const NEWEST: &str = "max(timestamp(kafka_filter_build_info))";

impl Prometheus {
    /// Begins to look at it.
    ///
    /// # Errors
    /// A URL that is none, a token that cannot be read.
    pub(crate) fn start(settings: &PrometheusSettings) -> Result<Self, SourceError> {
        let api = Arc::new(Api::new(settings)?);
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (sender, changes) = watch::channel(0);
        let ticks = tokio::spawn(look(Arc::clone(&api), Arc::clone(&seen), settings.tick, sender));
        let _ticks = AbortOnDropHandle::new(ticks);
        Ok(Self { api, tick: settings.tick, seen, changes, _ticks })
    }

    /// The moment that is asked about now, in ms since 1970: the same for all viewers within a tick.
    pub(crate) fn moment_ms(&self) -> i64 {
        let tick = i64::try_from(self.tick.as_millis()).unwrap_or(i64::MAX).max(1);
        let now = now_ms();
        now - now.rem_euclid(tick)
    }

    /// The lines of an expression at evenly spaced times.
    ///
    /// # Errors
    /// Prometheus does not answer, or not as it should.
    pub(crate) async fn lines(
        &self,
        expr: &Expr,
        window: Duration,
        times_ms: &[i64],
    ) -> Result<Vec<Line>, SourceError> {
        let (Some(first), Some(last)) = (times_ms.first(), times_ms.last()) else {
            return Ok(Vec::new());
        };
        let query = expr.promql(window);
        let names = expr.labels();
        let step = times_ms.get(1).map_or(0, |second| second - first);
        let found = if step == 0 {
            self.api.instant(&query, *last).await?
        } else {
            self.api.range(&query, *first, *last, step).await?
        };
        let mut lines: Vec<Line> = found
            .into_iter()
            .map(|series| Line {
                labels: names.iter().map(|name| series.label(name)).collect(),
                points: series.points(*first, step, times_ms.len()),
            })
            .filter(|line| line.points.iter().any(Option::is_some))
            .collect();
        lines.sort_by(|a, b| expr.order(&a.labels, &b.labels));
        Ok(lines)
    }

    /// From one tick to the next.
    pub(crate) fn interval(&self) -> Duration {
        self.tick
    }

    /// How it was at the last look.
    pub(crate) fn state(&self) -> State {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let age = seen.newest_s.map(|then| {
            let now = Duration::from_millis(u64::try_from(now_ms()).unwrap_or(0));
            now.saturating_sub(Duration::try_from_secs_f64(then).unwrap_or_default())
        });
        // One proxy that is scraped each minute has no sample younger than a minute.
        let every = seen.census.every.map_or(self.tick, |every| every.max(self.tick));
        let (health, message, remedy) = match (&seen.error, age) {
            (Some(error), _) => {
                (Health::Unreachable, Some(error.message.clone()), Some(error.remedy.clone()))
            }
            (None, _) if !seen.looked => (Health::Starting, None, None),
            (None, None) => (
                Health::Empty,
                Some("Prometheus has no series of kafka-filter".to_owned()),
                Some("let it scrape /stats/prometheus of Envoys that have the filter".to_owned()),
            ),
            (None, Some(age)) if age > (every * 3).max(STALE_AT_LEAST) => (
                Health::Stale,
                Some(format!("the newest sample is {} s old", age.as_secs())),
                Some("see in Prometheus under Targets why it does not scrape".to_owned()),
            ),
            (None, Some(_)) => {
                let (message, remedy) = seen.census.said(self.tick).unzip();
                (Health::Ok, message, remedy)
            }
        };
        State {
            kind: Kind::Prometheus,
            health,
            #[expect(clippy::cast_possible_truncation, reason = "whole seconds of today fit")]
            at_s: seen.newest_s.map(|then| then as i64),
            age,
            message,
            remedy,
            scrape_interval: self.tick,
            history: None,
        }
    }

    /// The instances that it knows, by name.
    ///
    /// # Errors
    /// It does not answer.
    pub(crate) async fn proxies(&self, at_ms: i64) -> Result<Vec<Proxy>, SourceError> {
        instances::proxies(&self.api, at_ms).await
    }

    /// Rises with each tick.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }

    /// What was read.
    pub(crate) fn figures(&self) -> Figures {
        let read_bytes_total = self.api.read_bytes.load(Ordering::Relaxed);
        Figures { read_bytes_total, ..Figures::default() }
    }
}

/// Looks at Prometheus in each tick, and says that there is something new.
async fn look(api: Arc<Api>, seen: Arc<Mutex<Seen>>, tick: Duration, changes: watch::Sender<u64>) {
    let mut ticks = interval(tick);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let at_ms = now_ms();
        let (found, counted) = tokio::join!(api.instant(NEWEST, at_ms), api.instant(CENSUS, at_ms));
        let before = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let census = counted.map(|series| Census::of(&series)).unwrap_or_default();
        let mut now = Seen { looked: true, census, ..before.clone() };
        match found {
            Ok(series) => {
                now.newest_s =
                    series.first().and_then(|one| one.points(0, 0, 1).first().copied()?);
                now.error = None;
            }
            Err(error) => now.error = Some(error),
        }
        if now.error != before.error {
            match &now.error {
                Some(error) => tracing::warn!("{error}"),
                None => tracing::info!("Prometheus answers"),
            }
        }
        *seen.lock().unwrap_or_else(PoisonError::into_inner) = now;
        changes.send_modify(|round| *round = round.wrapping_add(1));
    }
}

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}
