//! OAuth tokens by the client credentials grant: one source for the canary's own connections and for librdkafka.
//!
//! A thread of its own fetches them and renews them before they expire, so a callback of librdkafka may wait for it
//! from any thread without holding up what it waits for. The endpoint's answer is bounded, and the secret is in no
//! error. References: RFC 6749, 2.3.1 and 4.4.

mod fetch;

use std::sync::{Arc, Mutex, PoisonError, mpsc as blocking};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::error::{Failure, WireError};
use crate::settings::OAuth;
use fetch::Endpoint;

/// A token and how long it is good for.
#[derive(Clone, Default)]
pub(super) struct Token {
    value: String,
    /// Milliseconds since the epoch.
    expires_ms: i64,
    /// When it was fetched, and for how long it is good.
    lifetime: Option<(Instant, Duration)>,
}

impl Token {
    fn new(value: String, lifetime: Duration) -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let expires = since_epoch.saturating_add(lifetime).as_millis();
        Self {
            value,
            expires_ms: i64::try_from(expires).unwrap_or(i64::MAX),
            lifetime: Some((Instant::now(), lifetime)),
        }
    }

    pub(super) fn value(&self) -> &str {
        &self.value
    }

    pub(super) fn expires_ms(&self) -> i64 {
        self.expires_ms
    }

    /// Whether it is good for a while yet.
    fn is_valid(&self) -> bool {
        self.lifetime.is_some_and(|(fetched, lifetime)| Instant::now() < fetched + used(lifetime))
    }

    /// When to fetch the next one.
    fn renewal(&self) -> Option<Instant> {
        let renewal = |lifetime: Duration| lifetime.mul_f64(RENEW_AFTER).min(used(lifetime));
        self.lifetime.map(|(fetched, lifetime)| fetched + renewal(lifetime))
    }
}

/// How much of its life a token is used for.
fn used(lifetime: Duration) -> Duration {
    lifetime.saturating_sub(MARGIN.min(lifetime / 4))
}

type Answer = Result<Token, WireError>;

enum Waiter {
    Task(oneshot::Sender<Answer>),
    Thread(blocking::SyncSender<Answer>),
}

/// The source.
pub(super) struct Tokens {
    principal: String,
    place: String,
    timeout: Duration,
    current: Arc<Mutex<Token>>,
    waiters: mpsc::Sender<Waiter>,
}

impl Tokens {
    /// Starts the thread; it fetches the first token at once, and ends with the source.
    ///
    /// # Errors
    /// An endpoint that is no URL, certificates that are none.
    pub(super) fn new(oauth: &OAuth, timeout: Duration) -> Result<Arc<Self>, WireError> {
        let endpoint = Endpoint::new(oauth, timeout)?;
        let (waiters, queue) = mpsc::channel(WAITERS_MAX);
        let current = Arc::new(Mutex::new(Token::default()));
        let keeper = Keeper { endpoint, current: Arc::clone(&current), queue, refused: None };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| starting(&error))?;
        std::thread::Builder::new()
            .name(String::from("oauth-tokens"))
            .spawn(move || runtime.block_on(keeper.run()))
            .map_err(|error| starting(&error))?;
        Ok(Arc::new(Self {
            principal: oauth.client_id.clone(),
            place: oauth.token_endpoint.clone(),
            timeout,
            current,
            waiters,
        }))
    }

    /// The name that librdkafka shows for the token; brokers take theirs from the token itself.
    pub(super) fn principal(&self) -> &str {
        &self.principal
    }

    /// A valid token, from a task.
    pub(super) async fn current(&self, deadline: Instant) -> Answer {
        if let Some(token) = self.held() {
            return Ok(token);
        }
        let begun = Instant::now();
        let (answer, answered) = oneshot::channel();
        let asked = async {
            self.waiters.send(Waiter::Task(answer)).await.ok();
            answered.await
        };
        match tokio::time::timeout_at(deadline, asked).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(self.ended()),
            Err(_) => Err(WireError::timeout(&self.place, "fetching a token", begun.elapsed())),
        }
    }

    /// A valid token, from any thread. On a worker of a tokio runtime its other tasks move to another worker first.
    pub(super) fn current_blocking(&self) -> Answer {
        if let Some(token) = self.held() {
            return Ok(token);
        }
        match tokio::runtime::Handle::try_current().map(|handle| handle.runtime_flavor()) {
            Ok(tokio::runtime::RuntimeFlavor::MultiThread) => {
                tokio::task::block_in_place(|| self.wait())
            }
            _ => self.wait(),
        }
    }

    fn wait(&self) -> Answer {
        let (answer, answered) = blocking::sync_channel(1);
        if self.waiters.try_send(Waiter::Thread(answer)).is_err() {
            return Err(self.ended());
        }
        match answered.recv_timeout(self.timeout) {
            Ok(answer) => answer,
            Err(_) => Err(WireError::timeout(&self.place, "fetching a token", self.timeout)),
        }
    }

    fn held(&self) -> Option<Token> {
        let token = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        token.is_valid().then(|| token.clone())
    }

    fn ended(&self) -> WireError {
        WireError::new(Failure::Token, &self.place, "too many wait for a token")
    }
}

fn starting(error: &std::io::Error) -> WireError {
    WireError::configuration("OAUTHBEARER", format!("cannot start the thread of tokens: {error}"))
}

/// The thread's task.
struct Keeper {
    endpoint: Endpoint,
    current: Arc<Mutex<Token>>,
    queue: mpsc::Receiver<Waiter>,
    /// The last failure and until when it stands, so that an endpoint in trouble is not hammered.
    refused: Option<(Instant, WireError)>,
}

impl Keeper {
    async fn run(mut self) {
        let mut renewal = Instant::now();
        loop {
            let waiter = tokio::select! {
                waiter = self.queue.recv() => match waiter {
                    Some(waiter) => Some(waiter),
                    None => return,
                },
                () = tokio::time::sleep_until(renewal) => None,
            };
            let due = Instant::now() >= renewal;
            let answer = self.token(due).await;
            renewal = match &answer {
                Ok(token) => token.renewal().filter(|at| *at > Instant::now()),
                Err(_) => None,
            }
            .unwrap_or_else(|| Instant::now() + RETRY_PAUSE);
            match waiter {
                Some(Waiter::Task(task)) => drop(task.send(answer)),
                Some(Waiter::Thread(thread)) => drop(thread.try_send(answer)),
                None => {}
            }
        }
    }

    /// The held token while it is valid and no renewal is due; else a fetched one. A renewal that fails leaves the held
    /// one for as long as it lasts.
    async fn token(&mut self, due: bool) -> Answer {
        let held = self.current.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if held.is_valid() && !due {
            return Ok(held);
        }
        if let Some((until, error)) = &self.refused
            && Instant::now() < *until
        {
            return if held.is_valid() { Ok(held) } else { Err(error.clone()) };
        }
        match self.endpoint.fetch().await {
            Ok(token) => {
                self.refused = None;
                *self.current.lock().unwrap_or_else(PoisonError::into_inner) = token.clone();
                Ok(token)
            }
            Err(error) => {
                tracing::warn!(reason = error.reason(), "no new OAuth token: {error}");
                self.refused = Some((Instant::now() + RETRY_PAUSE, error.clone()));
                if held.is_valid() { Ok(held) } else { Err(error) }
            }
        }
    }
}

/// Share of a token's life after which the next is fetched: before librdkafka asks, at 0.8.
const RENEW_AFTER: f64 = 0.75;
/// A token is not used in its last seconds: it must last until the broker has looked at it.
const MARGIN: Duration = Duration::from_secs(5);
/// Between two attempts at an endpoint that fails.
const RETRY_PAUSE: Duration = Duration::from_secs(2);
/// How many may wait for a token at a time.
const WAITERS_MAX: usize = 256;
