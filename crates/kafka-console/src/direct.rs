//! The direct source: scrapes proxies itself and keeps the last hour in memory. For a laptop, a demo or one gateway;
//! up to a thousand proxies, of which each adds to the same sums.
//!
//! Arrows point one way: [`rounds`] -> [`scrape`], [`targets`], [`follow`] -> [`kafka_console_text`], [`kept`],
//! [`store`] -> [`ring`], [`symbols`]; [`eval`] reads the store.

use std::sync::atomic::Ordering;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use self::eval::{Evaluation, Pieces, Reading};
#[cfg(test)]
pub(crate) use self::rounds::scripted;
use self::rounds::{Shared, Watched, locked};
use self::scrape::Scraper;
use self::store::{Limits, Store, millis};
use self::targets::Targets;
use crate::expr::{Expr, Line};
use crate::terms::{DirectSettings, Figures, Health, Kind, Proxy, SourceError, State, innermost};

mod eval;
mod follow;
mod kept;
mod ring;
mod rounds;
mod scrape;
mod store;
mod symbols;
mod targets;

/// A running direct source; scrapes until it is dropped.
#[derive(Debug)]
pub(crate) struct Direct {
    shared: Arc<Shared>,
    _rounds: AbortOnDropHandle<()>,
}

impl Direct {
    /// Starts to scrape.
    ///
    /// # Errors
    /// A target that is none, or none at all.
    pub(crate) fn start(settings: &DirectSettings) -> Result<Self, SourceError> {
        let targets = Targets::new(settings)?;
        let timeout = settings.scrape_timeout.min(settings.scrape_interval);
        let scraper = Scraper::new(timeout).map_err(|error| SourceError {
            message: format!("no HTTP client: {}", innermost(&error)),
            remedy: "this is a fault of the system's TLS library".to_owned(),
        })?;
        let store = Store::new(Limits::of(settings.history));
        let shared = Arc::new(Shared::new(settings.scrape_interval, store));
        let rounds = tokio::spawn(rounds::run(Arc::clone(&shared), scraper, targets));
        Ok(Self { shared, _rounds: AbortOnDropHandle::new(rounds) })
    }

    /// What is to be taken from times of ticks where people read them: a clock that was ahead at the start and was set
    /// right since.
    pub(crate) fn ahead_ms(&self) -> i64 {
        self.shared.ahead_ms()
    }

    /// Time of the newest tick, in ms since 1970.
    pub(crate) fn newest_ms(&self) -> Option<i64> {
        self.read(|store| store.times_ms().back().copied())
    }

    /// The lines of an expression at some times, each taken at the newest tick not after it.
    ///
    /// # Errors
    /// The evaluation was cancelled: this program ends.
    pub(crate) async fn lines(
        &self,
        expr: Expr,
        window: Duration,
        times_ms: Vec<i64>,
    ) -> Result<Vec<Line>, SourceError> {
        let shared = Arc::clone(&self.shared);
        let evaluated = tokio::task::spawn_blocking(move || {
            lines(&shared.store, shared.interval, &expr, window, &times_ms)
        });
        evaluated.await.map_err(|_| SourceError {
            message: "the numbers could not be computed".to_owned(),
            remedy: "the log says why; please report it".to_owned(),
        })
    }

    /// From one tick to the next.
    pub(crate) fn interval(&self) -> Duration {
        self.shared.interval
    }

    /// How it is now.
    pub(crate) fn state(&self) -> State {
        let proxies: Vec<Arc<Watched>> = locked(&self.shared.proxies).values().cloned().collect();
        let now_ms = self.shared.now_ms();
        let good: Vec<i64> =
            proxies.iter().filter_map(|proxy| locked(&proxy.follower).good_ms()).collect();
        let newest = good.iter().max().copied();
        let age = newest.map(|then| span(now_ms.saturating_sub(then)));
        let (ticks, history) = self.read(|store| {
            let times = store.times_ms();
            let (first, last) = (times.front().copied(), times.back().copied());
            (times.len(), first.zip(last).map(|(first, last)| span(last.saturating_sub(first))))
        });
        let (health, message, remedy) = self.health(&proxies, age, ticks);
        State {
            kind: Kind::Direct,
            health,
            at_s: newest.map(|ms| ms.saturating_sub(self.ahead_ms()) / 1000),
            age,
            message,
            remedy,
            scrape_interval: self.shared.interval,
            history,
        }
    }

    /// What is wrong with the lists is said beside what is wrong with the proxies.
    fn health(
        &self,
        proxies: &[Arc<Watched>],
        age: Option<Duration>,
        ticks: usize,
    ) -> (Health, Option<String>, Option<String>) {
        let (health, message, remedy) = self.health_of_proxies(proxies, age, ticks);
        let Some(problem) = locked(&self.shared.problems).first().cloned() else {
            return (health, message, remedy);
        };
        let corrected = "correct the list of proxies; it is read anew".to_owned();
        // Without a good list nobody need be there.
        let is_cause = age.is_none() && matches!(health, Health::Starting | Health::Empty);
        match message {
            Some(message) if !is_cause => (health, Some(format!("{message}; {problem}")), remedy),
            _ if is_cause => (Health::Unreachable, Some(problem), Some(corrected)),
            _ => (health, Some(problem), Some(corrected)),
        }
    }

    fn health_of_proxies(
        &self,
        proxies: &[Arc<Watched>],
        age: Option<Duration>,
        ticks: usize,
    ) -> (Health, Option<String>, Option<String>) {
        let say = |health, message: String, remedy: &str| {
            (health, Some(message), Some(remedy.to_owned()))
        };
        let down: Vec<String> = proxies
            .iter()
            .filter_map(|proxy| {
                let status = locked(&proxy.status);
                status.error.as_ref().map(|error| format!("{} {error}", proxy.name()))
            })
            .collect();
        let first = down.first().cloned().unwrap_or_default();
        let Some(age) = age else {
            if proxies.is_empty() && ticks > 0 {
                let remedy = "add targets to --proxies-file, or see what --proxies-dns resolves to";
                return say(Health::Empty, "there is no proxy to scrape".to_owned(), remedy);
            }
            if down.is_empty() || down.len() < proxies.len() {
                return (Health::Starting, None, None);
            }
            let message = format!("no proxy answers; {first}");
            let remedy = "check the addresses, and that Envoy's admin or stats listener is reachable from here";
            return say(Health::Unreachable, message, remedy);
        };
        if age > self.shared.interval * 3 {
            let message = format!("no proxy answers any more; {first}");
            return say(Health::Stale, message, "these are the last numbers; see the page Health");
        }
        let filtered = proxies.iter().any(|proxy| locked(&proxy.follower).facts.has_filter);
        if !filtered {
            let message = "the proxies answer, but none shows metrics of kafka-filter".to_owned();
            return say(Health::Empty, message, "add the filter to their listeners for Kafka");
        }
        if ticks < 2 {
            return (Health::Starting, None, None);
        }
        let message = (!down.is_empty())
            .then(|| format!("{} of {} proxies do not answer; {first}", down.len(), proxies.len()));
        let remedy = message.is_some().then(|| "see the page Health".to_owned());
        (Health::Ok, message, remedy)
    }

    /// The proxies, by name.
    pub(crate) fn proxies(&self) -> Vec<Proxy> {
        let watched: Vec<Arc<Watched>> = locked(&self.shared.proxies).values().cloned().collect();
        let now_ms = self.shared.now_ms();
        let mut proxies: Vec<Proxy> = watched.iter().map(|one| self.proxy(one, now_ms)).collect();
        proxies.sort_by(|a, b| a.name.cmp(&b.name));
        proxies
    }

    fn proxy(&self, watched: &Watched, now_ms: i64) -> Proxy {
        let (up, error) = {
            let status = locked(&watched.status);
            (status.up == Some(true), status.error.clone())
        };
        let (facts, good) = {
            let follower = locked(&watched.follower);
            (follower.facts, follower.good_ms())
        };
        let label = |name: &str| {
            self.read(|store| {
                let series = store.series(facts.build?)?;
                let place = series.part().place(name.as_bytes())?;
                series.labels().get(place).map(|symbol| store.text(*symbol).to_string())
            })
        };
        Proxy {
            name: watched.name(),
            up,
            age: good.map(|then| span(now_ms.saturating_sub(then))),
            filter_release: label("filter_release"),
            kafka_release: label("kafka_release"),
            series: facts.series,
            has_filter: facts.has_filter,
            is_envoy: facts.is_envoy,
            error,
        }
    }

    /// Rises with each tick.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// What it has done and holds.
    pub(crate) fn figures(&self) -> Figures {
        let counts = &self.shared.counts;
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let micros = counts.micros.load(Ordering::Relaxed);
        let proxies = count(locked(&self.shared.proxies).len());
        self.read(|store| Figures {
            scrapes_total: counts.scrapes.load(Ordering::Relaxed),
            scrapes_failed_total: counts.failed.load(Ordering::Relaxed),
            read_bytes_total: counts.bytes.load(Ordering::Relaxed),
            scrape_seconds_total: Duration::from_micros(micros).as_secs_f64(),
            proxies,
            proxy_series: count(store.followed()),
            series: count(store.len()),
            history_bytes: count(store.history_bytes()),
            series_refused_total: store.refused(),
            ..Figures::default()
        })
    }

    fn read<T>(&self, work: impl FnOnce(&Store) -> T) -> T {
        work(&self.shared.store.piece())
    }
}

/// Of one store, at some times in ms since 1970, rising; points before its first tick are none.
fn lines(
    store: &RwLock<Store>,
    interval: Duration,
    expr: &Expr,
    window: Duration,
    times_ms: &[i64],
) -> Vec<Line> {
    let slack = millis(interval) / 2;
    let mut missing = 0;
    let places = |store: &Store| {
        let ticks = store.times_ms();
        let place = |time: &i64| {
            ticks.partition_point(|tick| *tick <= time.saturating_add(slack)).checked_sub(1)
        };
        let places: Vec<usize> = times_ms.iter().filter_map(place).collect();
        places
    };
    let mut evaluate = |reading: Reading<'_>| {
        let evaluation = Evaluation::new(reading, interval, window, places);
        missing = times_ms.len() - evaluation.points();
        evaluation.lines(expr)
    };
    // The store is revised in few ticks, so that the second time it mostly is not.
    let in_pieces = (0..2).find_map(|_| evaluate(Reading::Pieces(store)).ok());
    let mut lines = in_pieces.unwrap_or_else(|| {
        let store = store.piece();
        evaluate(Reading::Whole(&store)).unwrap_or_default()
    });
    for line in &mut lines {
        line.points.splice(0..0, std::iter::repeat_n(None, missing));
    }
    lines
}

fn span(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}
