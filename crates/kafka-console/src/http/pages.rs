//! Pages that were made, kept until the source has something new. However many people look at a page, it is made once;
//! however many different pages are asked for at once, only a few are made at a time, and few are kept.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use bytes::Bytes;
use serde::Serialize;
use tokio::sync::{OnceCell, Semaphore, watch};

use super::App;
use super::answer::Problem;
use super::brief;
use super::metrics::Metrics;
use crate::page::PageEntry;
use crate::source::{Figures, Health, Source};
use crate::views::asked::{Asked, Limits, Offered};
use crate::views::{self, NAVIGATION};

/// Makes pages, and keeps them for a moment.
pub(super) struct Pages {
    source: Source,
    public_url: Option<String>,
    kept: Mutex<HashMap<Asked, Kept>>,
    room: Semaphore,
    has_answered: AtomicBool,
}

/// A page that was asked for, and after which change of the source.
struct Kept {
    change: u64,
    at: Instant,
    page: Arc<OnceCell<Made>>,
}

/// A page as it is sent.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) json: Bytes,
}

impl Made {
    /// JSON is text.
    pub(super) fn json_text(&self) -> String {
        String::from_utf8_lossy(&self.json).into_owned()
    }
}

/// What the navigation shows, and what may be chosen.
#[derive(Debug, Serialize)]
pub(super) struct Offer {
    pages: &'static [PageEntry],
    #[serde(flatten)]
    offered: Offered,
    release: &'static str,
}

impl Pages {
    pub(super) fn new(source: Source, public_url: Option<String>) -> Self {
        let room = Semaphore::new(MAKING_MAX);
        let has_answered = AtomicBool::new(false);
        Self { source, public_url, kept: Mutex::default(), room, has_answered }
    }

    /// The page as of the source's newest numbers.
    ///
    /// It is made to its end also when nobody waits for it any more: what it asked for cannot be called back, so whoever
    /// hangs up and asks again must find it, and not begin another.
    pub(super) async fn get(app: &Arc<App>, asked: &Asked) -> Result<Made, Problem> {
        let cell = app.pages.cell(asked);
        if let Some(made) = cell.get() {
            return Ok(made.clone());
        }
        let (app, asked) = (Arc::clone(app), asked.clone());
        let making = tokio::spawn(async move {
            cell.get_or_try_init(|| app.pages.make(&asked, &app.metrics)).await.cloned()
        });
        making.await.unwrap_or_else(|_| Err(busy()))
    }

    async fn make(&self, asked: &Asked, metrics: &Metrics) -> Result<Made, Problem> {
        let _permit = self.room.acquire().await.map_err(|_| busy())?;
        let began = Instant::now();
        let making = views::page(&self.source, self.public_url.as_deref(), asked);
        let page = tokio::time::timeout(MAKING_TIMEOUT, making).await.map_err(|_| busy())?;
        metrics.made(asked.page().name(), began.elapsed());
        let json = brief::to_vec(&page).map_err(|error| {
            tracing::error!(%error, page = asked.page().name(), "a page cannot be written");
            busy()
        })?;
        Ok(Made { json: json.into() })
    }

    /// The place of a page: a new one when the source has something new.
    fn cell(&self, asked: &Asked) -> Arc<OnceCell<Made>> {
        let change = *self.source.changes().borrow();
        let now = Instant::now();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |kept: &Kept| kept.change == change && now - kept.at < KEPT_FOR;
        if let Some(found) = kept.get(asked).filter(|kept| fresh(kept)) {
            return found.page.clone();
        }
        if kept.len() >= KEPT_MAX {
            kept.retain(|_, kept| fresh(kept));
        }
        if kept.len() >= KEPT_MAX
            && let Some(oldest) =
                kept.iter().min_by_key(|(_, kept)| kept.at).map(|(a, _)| a.clone())
        {
            kept.remove(&oldest);
        }
        let page = Arc::new(OnceCell::new());
        kept.insert(asked.clone(), Kept { change, at: now, page: page.clone() });
        page
    }

    pub(super) fn offer(&self) -> Offer {
        Offer {
            pages: NAVIGATION,
            offered: self.limits().offered(),
            release: env!("CARGO_PKG_VERSION"),
        }
    }

    pub(super) fn limits(&self) -> Limits {
        Limits::of(&self.source.state())
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.source.changes()
    }

    pub(super) fn figures(&self) -> Figures {
        self.source.figures()
    }

    /// Whether the source has answered, be it once: when it does no more, pages say so, and must be reached to do it.
    /// Why not is on the pages too: anybody may ask this, and the reason has addresses in it.
    pub(super) fn ready(&self) -> Result<(), String> {
        let state = self.source.state();
        let answers = state.health == Health::Empty || state.at_s.is_some();
        if state.health != Health::Unreachable && answers {
            self.has_answered.store(true, Ordering::Relaxed);
        }
        if self.has_answered.load(Ordering::Relaxed) {
            Ok(())
        } else {
            Err("the source has not answered yet".to_owned())
        }
    }
}

fn busy() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "this page could not be made in time",
        "try again, or a shorter range",
    )
}

/// Pages at a time: each is work for a processor, or queries for Prometheus.
const MAKING_MAX: usize = 4;

const MAKING_TIMEOUT: Duration = Duration::from_secs(30);

/// Different pages that are kept. One with 1,000 topics is some hundred kilobytes.
const KEPT_MAX: usize = 128;

/// A source that is silent changes its state all the same: ages grow.
const KEPT_FOR: Duration = Duration::from_secs(15);
