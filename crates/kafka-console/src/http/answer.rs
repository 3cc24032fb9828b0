//! Answers that are no page: what is wrong, and what to do about it, as JSON that the front end shows.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::access::Way;

/// Something is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Problem {
    #[serde(skip)]
    pub(super) status: StatusCode,
    /// What.
    pub(super) error: String,
    /// What to do about it.
    pub(super) remedy: String,
    /// How to get in, of somebody who was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) login: Option<&'static str>,
}

impl Problem {
    pub(super) fn new(
        status: StatusCode,
        error: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { status, error: error.into(), remedy: remedy.into(), login: None }
    }

    pub(super) fn refused(way: Way) -> Self {
        let (login, remedy) = match way {
            Way::Token => ("token", "log in with the token that the console was started with"),
            Way::Proxy => ("proxy", "come through the proxy that logs people in"),
        };
        let error = "this console does not know who you are";
        Self { login: Some(login), ..Self::new(StatusCode::UNAUTHORIZED, error, remedy) }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let challenge = self.login == Some("token");
        let mut response = json(self.status, &self);
        if challenge {
            let value = HeaderValue::from_static("Bearer realm=\"kafka-console\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
        }
        response
    }
}

/// A value as JSON.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => (status, [(header::CONTENT_TYPE, JSON)], bytes).into_response(),
        Err(error) => {
            tracing::error!(%error, "an answer cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

pub(super) const JSON: &str = "application/json";
