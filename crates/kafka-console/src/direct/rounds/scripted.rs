//! A direct source for tests, whose scrapes are written down: nothing is waited for, and every run is the same.

use super::*;
use crate::direct::Direct;
use crate::direct::store::Limits;
use tokio_util::task::AbortOnDropHandle;

/// What every proxy answered at one time, and when; in ms since 1970.
pub(crate) struct Tick {
    pub(crate) at_ms: i64,
    /// By the name of a proxy; `Err` is why there was no answer.
    pub(crate) bodies: Vec<(&'static str, Result<String, &'static str>)>,
}

impl Direct {
    /// A source that has seen these ticks and sees no more. Needs a runtime of tokio.
    pub(crate) fn scripted(interval: Duration, ticks: &[Tick]) -> Self {
        Self::scripted_by(|| 0, interval, ticks)
    }

    /// The same on a system whose time it is now; 0 for one that has none.
    pub(crate) fn scripted_by(system_ms: fn() -> i64, interval: Duration, ticks: &[Tick]) -> Self {
        let store = Store::new(Limits::of(Duration::from_secs(3600)));
        let mut shared = Shared::new(interval, store);
        shared.clock = Clock::new(system_ms);
        shared.clock.start_ms = ticks.last().unwrap().at_ms.into();
        for tick in ticks {
            shared.play(tick);
        }
        let nothing = tokio::spawn(std::future::pending());
        Self { shared: Arc::new(shared), _rounds: AbortOnDropHandle::new(nothing) }
    }
}

impl Shared {
    pub(super) fn play(&self, tick: &Tick) {
        let gap_ms = millis(self.gap());
        for (name, body) in &tick.bodies {
            let url: Url = format!("http://{name}/stats/prometheus").parse().unwrap();
            let target = Target { name: (*name).to_owned(), url: url.clone() };
            let new = || Arc::new(Watched::new(&target));
            let watched = locked(&self.proxies).entry(url).or_insert_with(new).clone();
            let mut follower = locked(&watched.follower);
            let mut status = locked(&watched.status);
            status.up = Some(body.is_ok());
            status.error = body.as_ref().err().map(|&error| error.to_owned());
            if let Ok(body) = body {
                let mut scrape = follower.begin();
                follower.read(&mut scrape, body.as_bytes()).unwrap();
                let mut store = self.store.write().unwrap();
                follower.commit(scrape, &mut store, tick.at_ms, gap_ms).unwrap();
            }
        }
        self.close(tick.at_ms);
    }
}
