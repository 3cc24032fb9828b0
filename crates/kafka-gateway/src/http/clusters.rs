//! `GET /v3/clusters`, and the one cluster by its id: where clients of Confluent REST v3 begin.
//!
//! Whoever may write anything may ask; nothing is said of topics.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::header::HOST;
use axum::http::request::Parts as Head;
use axum::response::Response;
use kafka_gateway_api::Refusal;
use kafka_gateway_api::v3::clusters;

use super::App;
use super::answer::send;
use super::asked::{Dialect, client};
use super::body::Source;
use super::routes::{finish, malformed};

pub(super) async fn list(State(app): State<Arc<App>>, request: Request) -> Response {
    answer(&app, request, |head| {
        client(&app, head)?;
        Ok(clusters::list(&base(&app, head), &known(&app)?))
    })
}

pub(super) async fn one(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    answer(&app, request, |head| {
        let Path(asked) = path.map_err(malformed)?;
        client(&app, head)?;
        let cluster = known(&app)?;
        app.cluster(&asked)?;
        Ok(clusters::one(&base(&app, head), &cluster))
    })
}

fn answer(
    app: &App,
    request: Request,
    work: impl FnOnce(&Head) -> Result<kafka_gateway_api::Response, Refusal>,
) -> Response {
    let (begun, (head, body)) = (Instant::now(), request.into_parts());
    let answer = work(&head).map(send);
    finish(app, Dialect::Clusters, begun, &Source::new(body), answer)
}

fn known(app: &App) -> Result<String, Refusal> {
    app.producers.cluster_id().ok_or_else(|| Refusal::Kafka {
        code: TRANSPORT,
        name: "_TRANSPORT",
        message: "no broker has told the cluster's id yet".to_owned(),
        status: 503,
    })
}

/// What the client's own request was sent to; a proxy in front of the gateway is expected to pass `Host` on.
fn base(app: &App, head: &Head) -> String {
    let scheme = if app.tls.is_some() { "https" } else { "http" };
    let host = head.headers.get(HOST).and_then(|host| host.to_str().ok());
    host.map_or_else(String::new, |host| format!("{scheme}://{host}"))
}

/// librdkafka's `RD_KAFKA_RESP_ERR__TRANSPORT`.
const TRANSPORT: i32 = -195;
