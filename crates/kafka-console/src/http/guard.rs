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
    let peer = request.extensions().get::<Peer>();
    // Pages and scripts hold no data: without them nobody could be asked for a token.
    let needs_access = path.starts_with("/api/") && !LOGIN.contains(&path);
    match peer {
        Some(Peer(peer)) if needs_access => {
            app.access.check(request.headers(), peer.ip()).map_err(Problem::refused)
        }
        None if needs_access && !app.access.is_open() => {
            Err(Problem::refused(super::access::Way::Proxy))
        }
        _ => Ok(()),
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
