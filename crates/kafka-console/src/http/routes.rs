//! What there is to ask for.

use std::sync::Arc;

use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, http::Uri};
use kafka_operations::server;

use super::access::Access;
use super::answer::{JSON, Problem, json};
use super::guard::Reader;
use super::pages::Pages;
use super::{App, assets, guard, live};
use crate::views::asked::{Asked, Wrong};

/// Everything behind the guard.
pub(super) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/healthy", get(async || "OK\n"))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .route("/api/v1/pages", get(pages))
        .route("/api/v1/page/{name}", get(page))
        .route("/api/v1/live", get(live))
        .route("/api/v1/login", get(login))
        .route("/api/v1/logout", get(logout))
        .fallback(get(file))
        .layer(from_fn_with_state(app.clone(), guard::guard))
        .with_state(app)
}

/// What a URL has behind the question mark.
type Parameters = Query<Vec<(String, String)>>;

async fn pages(State(app): State<Arc<App>>) -> Response {
    json(StatusCode::OK, &app.pages.offer())
}

async fn page(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    Query(parameters): Parameters,
) -> Response {
    let asked = match asked(&app, &name, &parameters) {
        Ok(asked) => asked,
        Err(problem) => return problem.into_response(),
    };
    match Pages::get(&app, &asked).await {
        Ok(page) => ([(header::CONTENT_TYPE, JSON)], page.json).into_response(),
        Err(problem) => problem.into_response(),
    }
}

async fn live(
    State(app): State<Arc<App>>,
    Query(mut parameters): Parameters,
    request: Request,
) -> Response {
    let Some(at) = parameters.iter().position(|(name, _)| name == "page") else {
        return Problem::new(
            StatusCode::BAD_REQUEST,
            "no page is named",
            "ask for /api/v1/live?page=map",
        )
        .into_response();
    };
    let (_, name) = parameters.remove(at);
    match asked(&app, &name, &parameters) {
        Ok(asked) => live::stream(app, asked, Reader::of(&request)),
        Err(problem) => problem.into_response(),
    }
}

fn asked(app: &App, name: &str, parameters: &[(String, String)]) -> Result<Asked, Problem> {
    Asked::new(name, parameters, app.pages.limits()).map_err(|wrong| {
        let (status, error, remedy) = match wrong {
            Wrong::Page(error, remedy) => (StatusCode::NOT_FOUND, error, remedy),
            Wrong::Parameter(error, remedy) => (StatusCode::BAD_REQUEST, error, remedy),
        };
        Problem::new(status, error, remedy)
    })
}

async fn login(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    match app.access.log_in(&headers) {
        Some(cookie) => (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response(),
        None => Problem {
            error: "that is not the token".to_owned(),
            ..Problem::refused(super::access::Way::Token)
        }
        .into_response(),
    }
}

async fn logout() -> Response {
    match Access::log_out() {
        Some(cookie) => (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

async fn ready(State(app): State<Arc<App>>) -> Response {
    server::verdict(app.pages.ready(), "OK\n")
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    let text = app.metrics.text(&app.pages.figures(), app.live.streams());
    server::metrics(text.map_err(|error| error.to_string()))
}

async fn file(uri: Uri, headers: HeaderMap) -> Response {
    if uri.path().starts_with("/api/") {
        let (error, remedy) = ("there is no such address", "see /api/v1/pages");
        return Problem::new(StatusCode::NOT_FOUND, error, remedy).into_response();
    }
    assets::answer(uri.path(), &headers)
}
