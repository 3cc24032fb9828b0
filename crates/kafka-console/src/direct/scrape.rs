//! One GET of a proxy's metrics: bounded in time and bytes, without redirects, without proxies of the environment, and
//! without compression, which a proxy would have to pay for.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_ENCODING};
use reqwest::{Client, Response, Url, redirect};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::follow::{Follower, Scrape};
use crate::terms::innermost;

/// Makes and reads requests.
#[derive(Debug, Clone)]
pub(crate) struct Scraper {
    client: Client,
    timeout: Duration,
    /// For each body that is read, because it has buffers. One that takes long has to find a slow place, and the next time
    /// it begins there: who stalls in the middle of a body takes no place from others, but for a moment of one round.
    places: Arc<Semaphore>,
    slow_places: Arc<Semaphore>,
}

/// More than any proxy shows.
const BODY_BYTES_MAX: u64 = 64 << 20;
const BODIES_MAX: usize = 16;
const SLOW_BODIES_MAX: usize = 8;
/// No body of a machine that is only busy takes longer.
const MOMENT_MIN: Duration = Duration::from_millis(100);

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
        let places = |count| Arc::new(Semaphore::new(count));
        let (places, slow_places) = (places(BODIES_MAX), places(SLOW_BODIES_MAX));
        Ok(Self { client, timeout, places, slow_places })
    }

    /// Reads a proxy's metrics. `slow` remembers whether that took long.
    ///
    /// # Errors
    /// Why not, for people.
    pub(crate) async fn fetch(
        &self,
        url: &Url,
        slow: &AtomicBool,
        follower: &Mutex<Follower>,
        read_bytes: &AtomicU64,
    ) -> Result<Scrape, String> {
        let deadline = Instant::now() + self.timeout;
        let mut response = self.request(url).await?;
        let is_slow = slow.load(Ordering::Relaxed);
        let places = if is_slow { &self.slow_places } else { &self.places };
        let Ok(Ok(place)) = timeout_at(deadline, places.acquire()).await else {
            return Err("waits too long for others that answer slowly".to_owned());
        };
        let moment = Instant::now() + (self.timeout / 4).max(MOMENT_MIN);
        let mut body = pin!(self.body(&mut response, follower, read_bytes));
        let done = match timeout_at(moment, &mut body).await {
            Ok(done) => done,
            Err(_) if is_slow => body.await,
            Err(_) => match self.slow_places.try_acquire() {
                Ok(slow_place) => {
                    drop(place);
                    let done = body.await;
                    drop(slow_place);
                    done
                }
                Err(_) => Err("answers slowly, as too many others do".to_owned()),
            },
        };
        slow.store(Instant::now() >= moment, Ordering::Relaxed);
        done
    }

    async fn request(&self, url: &Url) -> Result<Response, String> {
        let request = self
            .client
            .get(url.clone())
            .header(ACCEPT, "text/plain;version=0.0.4")
            .timeout(self.timeout);
        let response = request.send().await.map_err(|error| self.why(&error))?;
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
        Ok(response)
    }

    async fn body(
        &self,
        response: &mut Response,
        follower: &Mutex<Follower>,
        read_bytes: &AtomicU64,
    ) -> Result<Scrape, String> {
        let locked = || follower.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scrape = locked().begin();
        let mut length = 0_u64;
        while let Some(bytes) = response.chunk().await.map_err(|error| self.why(&error))? {
            let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            length = length.saturating_add(count);
            read_bytes.fetch_add(count, Ordering::Relaxed);
            if length > BODY_BYTES_MAX {
                return Err(format!("answers with more than {BODY_BYTES_MAX} bytes"));
            }
            locked().read(&mut scrape, &bytes).map_err(|bad| bad.to_string())?;
        }
        Ok(scrape)
    }

    fn why(&self, error: &reqwest::Error) -> String {
        if error.is_timeout() {
            return format!("does not answer within {} s", self.timeout.as_secs_f64());
        }
        let what = if error.is_connect() { "cannot be reached" } else { "breaks off" };
        format!("{what}: {}", innermost(error))
    }
}
