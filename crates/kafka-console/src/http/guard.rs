//! What every request passes: only reading, only for a name that this console answers to, only by who may read; and
//! what every answer carries, errors included: headers that forbid a browser everything a page does not need.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::answer::Problem;
use super::{App, Peer};

/// Who asks: what a request says of it, and where it comes from.
pub(super) struct Reader {
    headers: HeaderMap,
    peer: Option<Peer>,
}

impl Reader {
    pub(super) fn of(request: &Request) -> Self {
        Self { headers: request.headers().clone(), peer: request.extensions().get().copied() }
    }

    /// Whether it may still read.
    pub(super) fn may_read(&self, app: &App) -> Result<(), Problem> {
        may_read(app, &self.headers, self.peer)
    }
}

/// Stands around all routes.
pub(super) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let is_page = request.uri().path().starts_with("/api/");
    let mut response = match judge(&app, &request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    secure(response.headers_mut());
    if is_page {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    app.metrics.answered(response.status(), began.elapsed());
    response
}

fn judge(app: &App, request: &Request) -> Result<(), Problem> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "this console only reads",
            "use GET or HEAD",
        ));
    }
    let path = request.uri().path();
    // Whoever probes or scrapes comes by an address and without a token; there is no traffic in these.
    if OPEN.contains(&path) {
        return Ok(());
    }
    if !app.hosts.allow(request.uri(), request.headers()) {
        return Err(Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            "this console does not answer to that host name",
            "use the address that it was started with, or start it with --allowed-host NAME",
        ));
    }
    // Pages and scripts hold no data: without them nobody could be asked for a token.
    let needs_access = path.starts_with("/api/") && !LOGIN.contains(&path);
    if needs_access {
        may_read(app, request.headers(), request.extensions().get().copied())?;
    }
    Ok(())
}

fn may_read(app: &App, headers: &HeaderMap, peer: Option<Peer>) -> Result<(), Problem> {
    match peer {
        Some(Peer(peer)) => app.access.check(headers, peer.ip()).map_err(Problem::refused),
        None if app.access.is_open() => Ok(()),
        None => Err(Problem::refused(super::access::Way::Proxy)),
    }
}

fn secure(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

const OPEN: [&str; 3] = ["/healthy", "/ready", "/metrics"];

/// They check the token themselves, or need none.
const LOGIN: [&str; 2] = ["/api/v1/login", "/api/v1/logout"];

/// Topics and client ids are strangers' texts: should one ever become markup, nothing in it would run, load or leave.
const HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         base-uri 'none'; frame-ancestors 'none'; form-action 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];
