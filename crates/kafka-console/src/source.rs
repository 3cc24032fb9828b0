//! Where the numbers come from: proxies that this program scrapes itself, or a Prometheus that does. Both answer the
//! same [`Expr`]s.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use tokio::sync::watch;

use self::cache::Cache;
use crate::direct::Direct;
use crate::expr::{Expr, Line, Matrix, Sample, Vector};
use crate::prometheus::Prometheus;
pub use crate::terms::{
    DirectSettings, Figures, Health, Kind, PrometheusSettings, Proxy, SourceError, State,
};

mod cache;

/// One of the two sources; a clone is another handle of the same.
#[derive(Debug, Clone)]
pub struct Source(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    engine: Engine,
    vectors: Cache<Vector>,
    matrices: Cache<Matrix>,
    proxies: Cache<Vec<Proxy>>,
    queries: AtomicU64,
    failed: AtomicU64,
    micros: AtomicU64,
}

#[derive(Debug)]
enum Engine {
    Direct(Direct),
    Prometheus(Prometheus),
}

/// Points of one matrix: more is no picture, and much memory.
const MATRIX_POINTS_MAX: usize = 2_000_000;

impl Source {
    /// Starts to scrape. Needs a runtime of tokio; ends when the last handle is dropped.
    ///
    /// # Errors
    /// A target that is no URL, or no target at all.
    pub fn direct(settings: DirectSettings) -> Result<Self, SourceError> {
        Ok(Self::of(Engine::Direct(Direct::start(&settings)?)))
    }

    /// Asks a Prometheus. Needs a runtime of tokio; ends when the last handle is dropped.
    ///
    /// # Errors
    /// A URL that is none.
    pub fn prometheus(settings: PrometheusSettings) -> Result<Self, SourceError> {
        Ok(Self::of(Engine::Prometheus(Prometheus::start(&settings)?)))
    }

    /// A direct source whose scrapes are written down.
    #[cfg(test)]
    pub(crate) fn scripted(interval: Duration, ticks: &[crate::direct::scripted::Tick]) -> Self {
        Self::of(Engine::Direct(Direct::scripted(interval, ticks)))
    }

    fn of(engine: Engine) -> Self {
        Self(Arc::new(Inner {
            engine,
            vectors: Cache::new(Vec::len),
            matrices: Cache::new(Matrix::numbers),
            proxies: Cache::new(Vec::len),
            queries: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            micros: AtomicU64::new(0),
        }))
    }

    /// The newest numbers: one vector for each ask (an expression and the window for its rates), in their order and
    /// all of the same moment.
    ///
    /// # Errors
    /// The source cannot answer now.
    pub async fn instant(
        &self,
        asks: &[(Expr, Duration)],
    ) -> Result<Vec<Arc<Vector>>, SourceError> {
        let Some(at_ms) = self.moment_ms() else {
            return Ok(asks.iter().map(|_| Arc::default()).collect());
        };
        let one = |(expr, window): &(Expr, Duration)| {
            let (expr, window) = (expr.clone(), *window);
            let question = expr.promql(window);
            self.0.vectors.get(at_ms, question, async move {
                let lines = self.lines(&expr, window, &[at_ms]).await?;
                let sample = |Line { labels, points }: Line| {
                    Some(Sample { labels, value: points.first().copied().flatten()? })
                };
                Ok(lines.into_iter().filter_map(sample).collect())
            })
        };
        try_join_all(asks.iter().map(one)).await
    }

    /// Numbers over the last `range`, in at most `points_max` points: one matrix for each ask, in their order and all
    /// of the same times.
    ///
    /// # Errors
    /// The source cannot answer now, or the answer would be too long.
    pub async fn range(
        &self,
        asks: &[(Expr, Duration)],
        range: Duration,
        points_max: usize,
    ) -> Result<Vec<Arc<Matrix>>, SourceError> {
        let Some(at_ms) = self.moment_ms() else {
            return Ok(asks.iter().map(|_| Arc::default()).collect());
        };
        let times_ms = times(at_ms, range, points_max, self.interval());
        let one = |(expr, window): &(Expr, Duration)| {
            let (expr, window, times_ms) = (expr.clone(), *window, times_ms.clone());
            let question =
                format!("{} {}ms {}", expr.promql(window), range.as_millis(), times_ms.len());
            self.0.matrices.get(at_ms, question, async move {
                let lines = self.lines(&expr, window, &times_ms).await?;
                if lines.len().saturating_mul(times_ms.len()) > MATRIX_POINTS_MAX {
                    return Err(SourceError {
                        message: format!("{} lines are too many for one picture", lines.len()),
                        remedy: "search for less, or choose a shorter range".to_owned(),
                    });
                }
                let ahead_ms = self.ahead_ms();
                let times_s =
                    times_ms.iter().map(|ms| ms.saturating_sub(ahead_ms) / 1000).collect();
                Ok(Matrix { times_s, lines })
            })
        };
        try_join_all(asks.iter().map(one)).await
    }

    /// How it is now.
    pub fn state(&self) -> State {
        match &self.0.engine {
            Engine::Direct(direct) => direct.state(),
            Engine::Prometheus(prometheus) => prometheus.state(),
        }
    }

    /// The proxies that it knows, by name; none where Prometheus does not answer, which [`state`](Self::state) tells.
    pub async fn proxies(&self) -> Vec<Proxy> {
        match &self.0.engine {
            Engine::Direct(direct) => direct.proxies(),
            Engine::Prometheus(prometheus) => {
                let at_ms = prometheus.moment_ms();
                let asked = self.0.proxies.get(at_ms, String::new(), prometheus.proxies(at_ms));
                asked.await.map(|proxies| (*proxies).clone()).unwrap_or_default()
            }
        }
    }

    /// Rises with each scrape (direct) or tick (Prometheus): there is something new to show.
    pub fn changes(&self) -> watch::Receiver<u64> {
        match &self.0.engine {
            Engine::Direct(direct) => direct.changes(),
            Engine::Prometheus(prometheus) => prometheus.changes(),
        }
    }

    /// What it has done and holds.
    pub fn figures(&self) -> Figures {
        let figures = match &self.0.engine {
            Engine::Direct(direct) => direct.figures(),
            Engine::Prometheus(prometheus) => prometheus.figures(),
        };
        let micros = self.0.micros.load(Ordering::Relaxed);
        Figures {
            queries_total: self.0.queries.load(Ordering::Relaxed),
            queries_failed_total: self.0.failed.load(Ordering::Relaxed),
            query_seconds_total: Duration::from_micros(micros).as_secs_f64(),
            ..figures
        }
    }

    /// The moment that is asked about, in ms since 1970; none before the first scrape.
    fn moment_ms(&self) -> Option<i64> {
        match &self.0.engine {
            Engine::Direct(direct) => direct.newest_ms(),
            Engine::Prometheus(prometheus) => Some(prometheus.moment_ms()),
        }
    }

    /// What is to be taken from such moments where people read them.
    fn ahead_ms(&self) -> i64 {
        match &self.0.engine {
            Engine::Direct(direct) => direct.ahead_ms(),
            Engine::Prometheus(_) => 0,
        }
    }

    fn interval(&self) -> Duration {
        match &self.0.engine {
            Engine::Direct(direct) => direct.interval(),
            Engine::Prometheus(prometheus) => prometheus.interval(),
        }
    }

    async fn lines(
        &self,
        expr: &Expr,
        window: Duration,
        times_ms: &[i64],
    ) -> Result<Vec<Line>, SourceError> {
        expr.check().map_err(|message| SourceError {
            message,
            remedy: "this is a fault of the console; please report it".to_owned(),
        })?;
        let start = Instant::now();
        let answer = match &self.0.engine {
            Engine::Direct(direct) => direct.lines(expr.clone(), window, times_ms.to_vec()).await,
            Engine::Prometheus(prometheus) => prometheus.lines(expr, window, times_ms).await,
        };
        self.0.queries.fetch_add(1, Ordering::Relaxed);
        self.0.failed.fetch_add(u64::from(answer.is_err()), Ordering::Relaxed);
        let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.0.micros.fetch_add(micros, Ordering::Relaxed);
        answer
    }
}

/// Evenly spaced times up to `at_ms`, at most `points_max` of them and none closer than scrapes or seconds are.
fn times(at_ms: i64, range: Duration, points_max: usize, interval: Duration) -> Vec<i64> {
    let range_ms = i64::try_from(range.as_millis()).unwrap_or(i64::MAX);
    let interval_ms = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX).max(1);
    // Whole seconds, because that is what the times of a matrix are; whole scrapes, because between them is nothing.
    let unit = if interval_ms.rem_euclid(1000) == 0 {
        interval_ms
    } else {
        interval_ms.div_euclid(1000).saturating_add(1).saturating_mul(1000)
    };
    let gaps = i64::try_from(points_max.max(2) - 1).unwrap_or(i64::MAX);
    let longest = gaps.saturating_mul(unit);
    let units = (range_ms.saturating_add(longest - 1) / longest).max(1);
    let step = units.saturating_mul(unit);
    let count = (range_ms / step).min(gaps);
    (0..=count).rev().map(|back| at_ms - back * step).collect()
}

#[cfg(test)]
mod tests;
