//! One GET of a proxy's metrics: bounded in time and bytes, without redirects, without proxies of the environment, and
//! without compression, which a proxy would have to pay for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_ENCODING};
use reqwest::{Client, Url, redirect};
use tokio::sync::Semaphore;

use super::follow::{Bad, Follower, LINE_BYTES_MAX, PROXY_SERIES_MAX};
use super::store::Store;
use crate::terms::innermost;

/// Makes and reads requests.
#[derive(Debug, Clone)]
pub(crate) struct Scraper {
    client: Client,
    timeout: Duration,
    /// Bodies that may be read at the same time: each has buffers. Who has not begun to answer takes no place.
    places: Arc<Semaphore>,
}

/// More than any proxy shows.
const BODY_BYTES_MAX: u64 = 64 << 20;
const BODIES_MAX: usize = 16;

impl Scraper {
    /// Each scrape may take `timeout`.
    ///
    /// # Errors
    /// The TLS library cannot be used.
    pub(crate) fn new(timeout: Duration) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .http1_only()
            .referer(false)
            .pool_max_idle_per_host(0)
            .user_agent(concat!("kafka-console/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client, timeout, places: Arc::new(Semaphore::new(BODIES_MAX)) })
    }

    /// Reads a proxy's metrics into the store. Either all of them count, or none.
    ///
    /// # Errors
    /// Why not, for people.
    pub(crate) async fn scrape(
        &self,
        url: &Url,
        follower: &Mutex<Follower>,
        store: &RwLock<Store>,
        read_bytes: &AtomicU64,
        clock: impl Fn() -> (i64, i64),
    ) -> Result<(), String> {
        let request = self
            .client
            .get(url.clone())
            .header(ACCEPT, "text/plain;version=0.0.4")
            .timeout(self.timeout);
        let mut response = request.send().await.map_err(|error| self.why(&error))?;
        let status = response.status();
        if status.is_redirection() {
            return Err(format!("answers {status}; redirects are not followed"));
        }
        if !status.is_success() {
            return Err(format!("answers {status}"));
        }
        if let Some(encoding) = response.headers().get(CONTENT_ENCODING)
            && encoding.as_bytes() != b"identity"
        {
            return Err("answers in an encoding that was not asked for".to_owned());
        }
        let place = tokio::time::timeout(self.timeout, self.places.acquire()).await;
        let _place =
            place.map_err(|_| "waits too long for others that answer slowly".to_owned())?;
        let own = |lock: &Mutex<Follower>,
                   work: &mut dyn FnMut(&mut Follower) -> Result<(), Bad>| {
            work(&mut lock.lock().unwrap_or_else(PoisonError::into_inner)).map_err(|bad| tell(&bad))
        };
        let mut scrape = follower.lock().unwrap_or_else(PoisonError::into_inner).begin();
        let mut length = 0_u64;
        while let Some(bytes) = response.chunk().await.map_err(|error| self.why(&error))? {
            length = length.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            read_bytes.fetch_add(u64::try_from(bytes.len()).unwrap_or(0), Ordering::Relaxed);
            if length > BODY_BYTES_MAX {
                return Err(format!("answers with more than {BODY_BYTES_MAX} bytes"));
            }
            own(follower, &mut |follower| follower.read(&mut scrape, &bytes))?;
        }
        let mut whole = Some(scrape);
        own(follower, &mut |follower| {
            let Some(scrape) = whole.take() else { return Ok(()) };
            let (now_ms, gap_ms) = clock();
            let mut store = store.write().unwrap_or_else(PoisonError::into_inner);
            follower.commit(scrape, &mut store, now_ms, gap_ms)
        })
    }

    fn why(&self, error: &reqwest::Error) -> String {
        if error.is_timeout() {
            return format!("does not answer within {} s", self.timeout.as_secs_f64());
        }
        let what = if error.is_connect() { "cannot be reached" } else { "breaks off" };
        format!("{what}: {}", innermost(error))
    }
}

fn tell(bad: &Bad) -> String {
    match bad {
        Bad::Line(number, flaw) => format!("line {number} {flaw}"),
        Bad::LongLine(number) => format!("line {number} is longer than {LINE_BYTES_MAX} bytes"),
        Bad::ManySeries => format!("shows more than {PROXY_SERIES_MAX} series of Kafka"),
        Bad::CutOff => "is cut off: its last line has no end".to_owned(),
    }
}
