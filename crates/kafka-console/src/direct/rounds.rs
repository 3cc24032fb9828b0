//! The rounds of scrapes: at each tick every proxy is asked at the same time, and the tick closes when all that
//! answered the last time have answered again.
//!
//! A proxy that hangs, or takes longer than half of a round, holds up one round by that: from then on nobody waits for
//! it until it is in time again, and what it says late counts in the next tick. Targets are listed beside the rounds, so
//! that a slow name server delays none; one that is listed no more is kept for a while, in case the list was wrong.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::Url;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use super::follow::Follower;
use super::scrape::Scraper;
use super::store::{Store, millis};
use super::targets::{Listing, TARGETS_MAX, Target, Targets};

/// What rounds write and pages read.
#[derive(Debug)]
pub(crate) struct Shared {
    /// From one round to the next.
    pub(crate) interval: Duration,
    pub(crate) store: RwLock<Store>,
    pub(crate) proxies: Mutex<BTreeMap<Url, Arc<Watched>>>,
    /// Those that are listed no more, and since when, in ms since 1970.
    departed: Mutex<BTreeMap<Url, (Arc<Watched>, i64)>>,
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
    url: Url,
    /// What its list calls it now.
    name: Mutex<String>,
    pub(crate) follower: Mutex<Follower>,
    pub(crate) status: Mutex<Status>,
    /// Its last body was read for long.
    slow: AtomicBool,
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

/// Unix time that never goes back nor stands still: that of the system, so that a sleep and a correction are seen. Where
/// the system's is set back, what has passed since.
#[derive(Debug)]
struct Clock {
    start: std::time::Instant,
    /// The system's time at the start, as late as it has ever said that this was.
    start_ms: AtomicI64,
    /// The system's time in ms since 1970.
    system_ms: fn() -> i64,
}

impl Clock {
    fn new(system_ms: fn() -> i64) -> Self {
        let start_ms = AtomicI64::new(system_ms());
        Self { start: std::time::Instant::now(), start_ms, system_ms }
    }

    fn now_ms(&self) -> i64 {
        self.at((self.system_ms)(), millis(self.start.elapsed()))
    }

    /// How far it is ahead of the system's, which was set back; in whole seconds, so that times less this do not
    /// tremble. Nothing where that is too little to be seen, or where the system knows no time.
    fn ahead_ms(&self) -> i64 {
        let system_ms = (self.system_ms)();
        let ahead_ms = self.at(system_ms, millis(self.start.elapsed())).saturating_sub(system_ms);
        if system_ms == 0 || ahead_ms < AHEAD_MS_MIN {
            return 0;
        }
        ahead_ms.saturating_add(500) / 1000 * 1000
    }

    /// So long after the start, a sleep of the machine not counted.
    fn at(&self, system_ms: i64, elapsed_ms: i64) -> i64 {
        let start_ms = system_ms.saturating_sub(elapsed_ms);
        let latest_ms = self.start_ms.fetch_max(start_ms, Ordering::Relaxed).max(start_ms);
        latest_ms.saturating_add(elapsed_ms)
    }
}

impl Watched {
    fn new(target: &Target) -> Self {
        Self {
            url: target.url.clone(),
            name: Mutex::new(target.name.clone()),
            follower: Mutex::default(),
            status: Mutex::default(),
            slow: AtomicBool::default(),
        }
    }

    /// What its list calls it.
    pub(crate) fn name(&self) -> String {
        locked(&self.name).clone()
    }
}

impl Shared {
    /// Nothing is scraped yet.
    pub(crate) fn new(interval: Duration, store: Store) -> Self {
        let system_ms = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis);
        Self {
            interval,
            store: RwLock::new(store),
            proxies: Mutex::default(),
            departed: Mutex::default(),
            problems: Mutex::default(),
            changes: watch::Sender::new(0),
            counts: Counts::default(),
            clock: Clock::new(system_ms),
        }
    }

    /// In ms since 1970, and never less than before: for ticks and for what lies between them.
    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// What is to be taken from such a time where people read it.
    pub(crate) fn ahead_ms(&self) -> i64 {
        self.clock.ahead_ms()
    }

    /// How long a proxy may be away without being new when it comes back: some scrapes, and half of one because none is
    /// on time to the millisecond.
    fn gap(&self) -> Duration {
        (self.interval * 5).max(Duration::from_secs(30)) + self.interval / 2
    }

    /// Follows the list: who is on it again, or by another name, is still the same.
    fn reconcile(&self, listing: &Listing) {
        let now_ms = self.now_ms();
        let (mut proxies, mut departed) = (locked(&self.proxies), locked(&self.departed));
        let mut before = std::mem::take(&mut *proxies);
        for target in &listing.targets {
            let back = || departed.remove(&target.url).map(|(watched, _)| watched);
            let known = before.remove(&target.url).or_else(back);
            let watched = known.unwrap_or_else(|| Arc::new(Watched::new(target)));
            locked(&watched.name).clone_from(&target.name);
            proxies.insert(target.url.clone(), watched);
        }
        departed.extend(before.into_iter().map(|(url, gone)| (url, (gone, now_ms))));
        *locked(&self.problems) = listing.problems.clone();
    }

    /// Forgets those that have been off the list for so long that they would be new, and the first of too many.
    fn forget_departed(&self) {
        let mut departed = locked(&self.departed);
        let mut since: Vec<i64> = departed.values().map(|(_, since_ms)| *since_ms).collect();
        since.sort_unstable();
        let too_many = since.len().checked_sub(TARGETS_MAX + 1).and_then(|last| since.get(last));
        let gone_ms = self.now_ms().saturating_sub(millis(self.gap()) + 1);
        let newest = too_many.map_or(gone_ms, |last| gone_ms.max(*last));
        departed.retain(|_, (watched, since_ms)| {
            let keep = *since_ms > newest;
            if !keep {
                let mut follower = locked(&watched.follower);
                follower.leave(&mut self.store.write().unwrap_or_else(PoisonError::into_inner));
            }
            keep
        });
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
        let (url, bytes) = (&proxy.url, &self.counts.bytes);
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
                Ok(()) => tracing::info!(proxy = proxy.name(), "the proxy is scraped"),
                Err(why) => tracing::warn!(proxy = proxy.name(), "the proxy {why}"),
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
        shared.forget_departed();
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

/// A clock that is corrected all the time is off by less.
const AHEAD_MS_MIN: i64 = 2_000;

/// How long a round waits for those that did not answer, or not in time, the last time.
const GRACE: Duration = Duration::from_millis(250);

#[cfg(test)]
pub(crate) mod scripted;
#[cfg(test)]
mod tests;
