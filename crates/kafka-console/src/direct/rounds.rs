//! The rounds of scrapes: at each tick every proxy is asked at the same time, and the tick closes when all that
//! answered the last time have answered again.
//!
//! A proxy that hangs, or takes longer than half of a round, holds up one round by that: from then on nobody waits for
//! it until it is in time again, and what it says late counts in the next tick. Targets are listed beside the rounds, so
//! that a slow name server delays none.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use reqwest::Url;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use super::follow::Follower;
use super::scrape::Scraper;
use super::store::{Store, millis};
use super::targets::{Listing, Target, Targets};

/// What rounds write and pages read.
#[derive(Debug)]
pub(crate) struct Shared {
    /// From one round to the next.
    pub(crate) interval: Duration,
    pub(crate) store: RwLock<Store>,
    pub(crate) proxies: Mutex<BTreeMap<Url, Arc<Watched>>>,
    /// What is wrong with the lists of targets.
    pub(crate) problems: Mutex<Vec<String>>,
    pub(crate) changes: watch::Sender<u64>,
    pub(crate) counts: Counts,
    clock: Clock,
}

/// What was done since the start.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) scrapes: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) micros: AtomicU64,
}

/// A proxy that is scraped.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) target: Target,
    pub(crate) follower: Mutex<Follower>,
    pub(crate) status: Mutex<Status>,
    /// Its last body was read for long.
    pub(crate) slow: AtomicBool,
}

/// How it is with a proxy.
#[derive(Debug, Default)]
pub(crate) struct Status {
    /// Whether the last scrape was good; `None` before the first.
    pub(crate) up: Option<bool>,
    /// Why it was not.
    pub(crate) error: Option<String>,
    running: bool,
    /// The last scrape ended after its round.
    late: bool,
}

/// Unix time that never goes back.
#[derive(Debug)]
struct Clock {
    start_ms: i64,
    start: std::time::Instant,
}

impl Shared {
    /// Nothing is scraped yet.
    pub(crate) fn new(interval: Duration, store: Store) -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self {
            interval,
            store: RwLock::new(store),
            proxies: Mutex::default(),
            problems: Mutex::default(),
            changes: watch::Sender::new(0),
            counts: Counts::default(),
            clock: Clock { start_ms: now.map_or(0, millis), start: std::time::Instant::now() },
        }
    }

    /// In ms since 1970.
    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.start_ms.saturating_add(millis(self.clock.start.elapsed()))
    }

    /// How long a proxy may be away without being new when it comes back.
    fn gap(&self) -> Duration {
        (self.interval * 5).max(Duration::from_secs(30))
    }

    fn reconcile(&self, listing: &Listing) {
        let mut proxies = locked(&self.proxies);
        let mut before = std::mem::take(&mut *proxies);
        for target in &listing.targets {
            let known = before.remove(&target.url).filter(|known| known.target == *target);
            let watched = known.unwrap_or_else(|| {
                Arc::new(Watched {
                    target: target.clone(),
                    follower: Mutex::default(),
                    status: Mutex::default(),
                    slow: AtomicBool::default(),
                })
            });
            proxies.insert(target.url.clone(), watched);
        }
        drop(proxies);
        for gone in before.into_values() {
            let mut follower = locked(&gone.follower);
            follower.leave(&mut self.store.write().unwrap_or_else(PoisonError::into_inner));
        }
        *locked(&self.problems) = listing.problems.clone();
    }

    /// Ends a tick: what was counted in it becomes history.
    fn close(&self, now_ms: i64) {
        let proxies: Vec<Arc<Watched>> = locked(&self.proxies).values().cloned().collect();
        for proxy in proxies {
            if locked(&proxy.status).up == Some(true) {
                let follower = locked(&proxy.follower);
                let mut store = self.store.write().unwrap_or_else(PoisonError::into_inner);
                follower.show_gauges(&mut store);
            }
        }
        self.store.write().unwrap_or_else(PoisonError::into_inner).close(now_ms);
        self.changes.send_modify(|round| *round = round.wrapping_add(1));
    }

    async fn scrape(&self, scraper: &Scraper, proxy: &Watched) {
        let start = Instant::now();
        let (url, bytes) = (&proxy.target.url, &self.counts.bytes);
        let done = match scraper.fetch(url, &proxy.slow, &proxy.follower, bytes).await {
            Ok(scrape) => {
                let mut follower = locked(&proxy.follower);
                let (now_ms, gap_ms) = (self.now_ms(), millis(self.gap()));
                let mut store = self.store.write().unwrap_or_else(PoisonError::into_inner);
                follower.commit(scrape, &mut store, now_ms, gap_ms).map_err(|bad| bad.to_string())
            }
            Err(why) => Err(why),
        };
        self.counts.scrapes.fetch_add(1, Ordering::Relaxed);
        self.counts.failed.fetch_add(u64::from(done.is_err()), Ordering::Relaxed);
        let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.counts.micros.fetch_add(micros, Ordering::Relaxed);
        let mut status = locked(&proxy.status);
        if status.up != Some(done.is_ok()) {
            match &done {
                Ok(()) => tracing::info!(proxy = proxy.target.name, "the proxy is scraped"),
                Err(why) => tracing::warn!(proxy = proxy.target.name, "the proxy {why}"),
            }
        }
        status.up = Some(done.is_ok());
        status.error = done.err();
        status.late = start.elapsed() >= self.waiting();
        status.running = false;
    }

    /// How long a round waits.
    fn waiting(&self) -> Duration {
        self.interval / 2
    }
}

/// Scrapes for ever.
pub(crate) async fn run(shared: Arc<Shared>, scraper: Scraper, mut targets: Targets) {
    let (listings, mut listed) = watch::channel(targets.list().await);
    let every = shared.interval;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        loop {
            tokio::time::sleep(every).await;
            let found = targets.list().await;
            listings.send_if_modified(|known| {
                let new = *known != found;
                *known = found;
                new
            });
        }
    });
    shared.reconcile(&listed.borrow_and_update());
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Scrapes of earlier rounds may still run; each says to which round it belongs and whether that waits for it.
    let mut scrapes: JoinSet<(u64, bool)> = JoinSet::new();
    for round in 0_u64.. {
        ticks.tick().await;
        if listed.has_changed().unwrap_or(false) {
            shared.reconcile(&listed.borrow_and_update());
        }
        let now_ms = shared.now_ms();
        let (mut waited, mut others) = start(&shared, &scraper, round, &mut scrapes);
        let begin = Instant::now();
        let deadline = begin + shared.waiting();
        let grace = begin + (every / 8).min(GRACE);
        while waited > 0 || others > 0 {
            let until = if waited > 0 { deadline } else { grace };
            match timeout_at(until, scrapes.join_next()).await {
                Ok(Some(Ok((of, is_waited)))) if of == round => {
                    let left = if is_waited { &mut waited } else { &mut others };
                    *left = left.saturating_sub(1);
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
            }
        }
        while scrapes.try_join_next().is_some() {}
        shared.close(now_ms);
    }
}

/// Starts a scrape of every proxy whose last one has ended. Returns how many the round waits for, and how many not.
fn start(
    shared: &Arc<Shared>,
    scraper: &Scraper,
    round: u64,
    scrapes: &mut JoinSet<(u64, bool)>,
) -> (usize, usize) {
    let (mut waited, mut others) = (0, 0);
    for proxy in locked(&shared.proxies).values() {
        let mut status = locked(&proxy.status);
        if std::mem::replace(&mut status.running, true) {
            continue;
        }
        let is_waited = status.up != Some(false) && !status.late;
        *(if is_waited { &mut waited } else { &mut others }) += 1;
        let (shared, scraper, proxy) = (Arc::clone(shared), scraper.clone(), Arc::clone(proxy));
        scrapes.spawn(async move {
            shared.scrape(&scraper, &proxy).await;
            (round, is_waited)
        });
    }
    (waited, others)
}

/// A panic elsewhere must not end the rounds: what a lock guards is whole between two calls.
pub(crate) fn locked<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long a round waits for those that did not answer, or not in time, the last time.
const GRACE: Duration = Duration::from_millis(250);

#[cfg(test)]
pub(crate) mod scripted;
