//! Live pages as server-sent events. A stream sends its page anew when the source has something new, never more often
//! than once a second, and never queues: who reads slowly gets fewer pages, not older ones. Viewers of the same page
//! share one evaluation. A stream ends when its reader may read no more.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

use super::App;
use super::answer::Problem;
use super::guard::Reader;
use super::pages::Pages;
use crate::views::asked::Asked;

/// The room for live streams.
pub(super) struct Live {
    room: Arc<Semaphore>,
}

impl Live {
    pub(super) fn new() -> Self {
        Self { room: Arc::new(Semaphore::new(STREAMS_MAX)) }
    }

    /// How many are open.
    pub(super) fn streams(&self) -> usize {
        STREAMS_MAX.saturating_sub(self.room.available_permits())
    }
}

/// A page for as long as somebody looks.
pub(super) fn stream(app: Arc<App>, asked: Asked, reader: Reader) -> Response {
    let Ok(permit) = app.live.room.clone().try_acquire_owned() else {
        return Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{STREAMS_MAX} live pages are open already"),
            "close some, or look at this one without live updates",
        )
        .into_response();
    };
    let viewer = Viewer {
        changes: app.pages.changes(),
        tokens: app.access.changes(),
        app,
        asked,
        reader,
        sent: None,
        _permit: permit,
    };
    let events = stream::unfold(viewer, async |mut viewer| {
        viewer.next().await.map(|event| (Ok::<_, Infallible>(event), viewer))
    });
    Sse::new(events)
        .keep_alive(KeepAlive::new().interval(COMMENT_INTERVAL).text("still here"))
        .into_response()
}

struct Viewer {
    app: Arc<App>,
    asked: Asked,
    reader: Reader,
    changes: watch::Receiver<u64>,
    tokens: watch::Receiver<u64>,
    sent: Option<Instant>,
    _permit: OwnedSemaphorePermit,
}

impl Viewer {
    /// The next event; none at the end of the program, or of the reader's session.
    async fn next(&mut self) -> Option<Event> {
        let stop = self.app.stop.clone();
        if let Some(sent) = self.sent {
            tokio::select! {
                () = stop.cancelled() => return None,
                changed = self.changes.changed() => changed.ok()?,
                changed = self.tokens.changed() => changed.ok()?,
            }
            tokio::time::sleep_until(sent + PAUSE).await;
        }
        self.reader.may_read(&self.app).ok()?;
        // What changes from here on is news for the next event.
        self.changes.mark_unchanged();
        let page = tokio::select! {
            () = stop.cancelled() => return None,
            page = Pages::get(&self.app, &self.asked) => page,
        };
        self.sent = Some(Instant::now());
        Some(match page {
            Ok(page) => Event::default().event("page").data(page.json_text()),
            Err(problem) => Event::default()
                .event("problem")
                .data(serde_json::to_string(&problem).unwrap_or_default()),
        })
    }
}

/// A team that looks at an incident together.
const STREAMS_MAX: usize = 64;

/// Proxies in between close connections that are silent.
const COMMENT_INTERVAL: Duration = Duration::from_secs(15);

/// Between two events.
const PAUSE: Duration = Duration::from_secs(1);
