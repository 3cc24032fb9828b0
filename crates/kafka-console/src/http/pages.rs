//! Pages that were made, kept until the source has something new. However many people look at a page, it is made once;
//! however many different pages are asked for at once, only a few are made at a time, and few are kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use bytes::Bytes;
use serde::Serialize;
use tokio::sync::{OnceCell, Semaphore, watch};

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
        Self { source, public_url, kept: Mutex::default(), room }
    }

    /// The page as of the source's newest numbers.
    pub(super) async fn get(&self, asked: &Asked, metrics: &Metrics) -> Result<Made, Problem> {
        let cell = self.cell(asked);
        let made = cell.get_or_try_init(async || {
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
        });
        made.await.cloned()
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

    /// Whether the source answers.
    pub(super) fn ready(&self) -> Result<(), String> {
        let state = self.source.state();
        if state.health == Health::Unreachable || state.at_s.is_none() {
            return Err(state
                .message
                .unwrap_or_else(|| "the source has not answered yet".to_owned()));
        }
        Ok(())
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
