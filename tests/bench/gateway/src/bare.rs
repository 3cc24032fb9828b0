//! The ceiling: a bare axum handler that reads the body and answers as much as kprf does. No JSON, no Kafka.

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::post;
use tokio::net::TcpListener;

use crate::options::Options;

pub(crate) async fn serve(options: &Options) -> Result<(), String> {
    let port: u16 = options.number("port")?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(|e| e.to_string())?;
    let router = Router::new().route("/push", post(push));
    axum::serve(listener, router).await.map_err(|e| e.to_string())
}

async fn push(body: Bytes) -> impl IntoResponse {
    // The length reaches the answer, so that reading the body cannot be left out.
    let ok = !body.is_empty();
    (
        [(CONTENT_TYPE, "application/json")],
        format!(r#"{{"status":"{}","errors":[]}}"#, if ok { "ok" } else { "err" }),
    )
}
