//! `query` and `query_range` of Prometheus's HTTP API: one GET each, and what its answer means.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use reqwest::{Client, Response, StatusCode, Url, redirect};
use serde::Deserialize;
use tokio::sync::{Mutex, Semaphore};

use crate::terms::{PrometheusSettings, SourceError, innermost};

/// Asks one Prometheus.
#[derive(Debug)]
pub(super) struct Api {
    client: Client,
    base: Url,
    timeout: Duration,
    permits: Semaphore,
    token_file: Option<PathBuf>,
    /// The token and when it was read.
    token: Mutex<Option<(Instant, HeaderValue)>>,
    pub(super) read_bytes: AtomicU64,
}

/// One series of an answer.
#[derive(Debug, Deserialize)]
pub(super) struct Series {
    metric: HashMap<String, String>,
    /// Of an instant query.
    value: Option<Point>,
    /// Of a range query.
    #[serde(default)]
    values: Vec<Point>,
}

/// Unix time in seconds, and a number as text, because JSON has no infinity.
type Point = (f64, String);

#[derive(Debug, Deserialize)]
struct Answer {
    status: String,
    data: Option<Data>,
    error: Option<String>,
}

/// Its type comes first, so that what may be long is read into its place at once.
#[derive(Debug, Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data {
    #[serde(alias = "matrix")]
    Vector(Vec<Series>),
    /// A number without labels.
    #[serde(alias = "string")]
    Scalar(Point),
}

/// An answer longer than this is none for a page.
const BODY_BYTES_MAX: usize = 32 << 20;
/// A token is read anew after this: it may have been renewed.
const TOKEN_LIFE: Duration = Duration::from_secs(60);

impl Data {
    fn series(self) -> Vec<Series> {
        match self {
            Self::Vector(series) => series,
            Self::Scalar(point) => {
                vec![Series { metric: HashMap::new(), value: Some(point), values: Vec::new() }]
            }
        }
    }
}

impl Series {
    /// The value of a label; an absent one is empty.
    pub(super) fn label(&self, name: &str) -> Arc<str> {
        self.metric.get(name).map_or("", String::as_str).into()
    }

    /// Finite numbers at `count` times from `first_ms` on.
    pub(super) fn points(&self, first_ms: i64, step_ms: i64, count: usize) -> Vec<Option<f64>> {
        let mut points = vec![None; count];
        for (time, number) in self.value.iter().chain(&self.values) {
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                reason = "times are far below 2^53 ms, and those of the answer are those that were asked for"
            )]
            let place = match step_ms {
                0 => 0,
                step => ((time * 1000.0 - first_ms as f64) / step as f64).round() as i64,
            };
            let slot = usize::try_from(place).ok().and_then(|place| points.get_mut(place));
            if let Some(slot) = slot {
                *slot = number.parse().ok().filter(|number: &f64| number.is_finite());
            }
        }
        points
    }
}

impl Api {
    /// # Errors
    /// A URL that is none, a TLS library that cannot be used.
    pub(super) fn new(settings: &PrometheusSettings) -> Result<Self, SourceError> {
        let remedy = "give --prometheus as the base URL: http://prometheus.example:9090".to_owned();
        let mut base = Url::parse(&settings.url).map_err(|error| SourceError {
            message: format!("{} is no URL: {error}", settings.url),
            remedy: remedy.clone(),
        })?;
        if !matches!(base.scheme(), "http" | "https") || base.cannot_be_a_base() {
            let message = format!("{} is no address of HTTP", settings.url);
            return Err(SourceError { message, remedy });
        }
        let path = base.path().trim_end_matches('/').to_owned();
        base.set_path(&path);
        base.set_query(None);
        base.set_fragment(None);
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .user_agent(concat!("kafka-console/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| SourceError {
                message: format!("no HTTP client: {}", innermost(&error)),
                remedy: "this is a fault of the system's TLS library".to_owned(),
            })?;
        Ok(Self {
            client,
            base,
            timeout: settings.timeout,
            permits: Semaphore::new(settings.concurrency_max.max(1)),
            token_file: settings.bearer_token_file.clone(),
            token: Mutex::new(None),
            read_bytes: AtomicU64::new(0),
        })
    }

    /// The answer to a query at one time.
    ///
    /// # Errors
    /// There is none.
    pub(super) async fn instant(
        &self,
        query: &str,
        at_ms: i64,
    ) -> Result<Vec<Series>, SourceError> {
        self.get("query", &[("query", query), ("time", &seconds(at_ms))]).await
    }

    /// The answer to a query at times of equal distance.
    ///
    /// # Errors
    /// There is none.
    pub(super) async fn range(
        &self,
        query: &str,
        first_ms: i64,
        last_ms: i64,
        step_ms: i64,
    ) -> Result<Vec<Series>, SourceError> {
        let (start, end, step) = (seconds(first_ms), seconds(last_ms), seconds(step_ms));
        let asked = [("query", query), ("start", &start), ("end", &end), ("step", &step)];
        self.get("query_range", &asked).await
    }

    async fn get(&self, call: &str, asked: &[(&str, &str)]) -> Result<Vec<Series>, SourceError> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/api/v1/{call}", self.base.path().trim_end_matches('/')));
        let timeout = format!("{}ms", self.timeout.as_millis());
        url.query_pairs_mut().extend_pairs(asked).append_pair("timeout", &timeout);
        let _permit =
            self.permits.acquire().await.map_err(|_| self.failed("is not asked any more"))?;
        let mut request = self.client.get(url).header(ACCEPT, "application/json");
        if let Some(token) = self.token().await? {
            request = request.header(AUTHORIZATION, token);
        }
        let sent = request.timeout(self.timeout).send().await;
        let response = sent.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let body = self.body(response).await?;
        match (status, serde_json::from_slice::<Answer>(&body)) {
            (_, Ok(Answer { status, data: Some(data), .. })) if status == "success" => {
                Ok(data.series())
            }
            (_, Ok(Answer { error: Some(error), .. })) => Err(SourceError {
                message: format!("Prometheus refuses a query: {error}"),
                remedy: "a shorter range or fewer series may be what it can do".to_owned(),
            }),
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => Err(SourceError {
                message: format!("Prometheus answers {status}"),
                remedy: "give a token that may query with --prometheus-token-file".to_owned(),
            }),
            (status, _) => Err(SourceError {
                message: format!("{} answers {status}, and not as Prometheus does", self.base),
                remedy: "--prometheus is the base URL, without /api/v1".to_owned(),
            }),
        }
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, SourceError> {
        let mut body = Vec::new();
        while let Some(bytes) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            self.read_bytes.fetch_add(u64::try_from(bytes.len()).unwrap_or(0), Ordering::Relaxed);
            if body.len() + bytes.len() > BODY_BYTES_MAX {
                return Err(SourceError {
                    message: format!(
                        "an answer of Prometheus has more than {BODY_BYTES_MAX} bytes"
                    ),
                    remedy: "choose a shorter range, or search for less".to_owned(),
                });
            }
            body.extend_from_slice(&bytes);
        }
        Ok(body)
    }

    async fn token(&self) -> Result<Option<HeaderValue>, SourceError> {
        let Some(path) = &self.token_file else { return Ok(None) };
        let mut token = self.token.lock().await;
        if let Some((read, value)) = &*token
            && read.elapsed() < TOKEN_LIFE
        {
            return Ok(Some(value.clone()));
        }
        let problem = |what: String| SourceError {
            message: format!("the token file {} {what}", path.display()),
            remedy: "--prometheus-token-file names a file whose content is the token".to_owned(),
        };
        let text = tokio::fs::read_to_string(path).await;
        let text = text.map_err(|error| problem(format!("cannot be read: {error}")))?;
        let mut value = HeaderValue::try_from(format!("Bearer {}", text.trim()))
            .map_err(|_| problem("holds what is no token".to_owned()))?;
        value.set_sensitive(true);
        *token = Some((Instant::now(), value.clone()));
        Ok(Some(value))
    }

    fn unreachable(&self, error: &reqwest::Error) -> SourceError {
        if error.is_timeout() {
            return SourceError {
                message: format!(
                    "Prometheus does not answer within {} s",
                    self.timeout.as_secs_f64()
                ),
                remedy: "a shorter range may be what it can do; see its own load".to_owned(),
            };
        }
        self.failed(&format!("cannot be reached: {}", innermost(error)))
    }

    fn failed(&self, what: &str) -> SourceError {
        SourceError {
            message: format!("Prometheus at {} {what}", self.base),
            remedy: "check --prometheus, and that it runs and can be reached from here".to_owned(),
        }
    }
}

/// Seconds with three places.
fn seconds(millis: i64) -> String {
    format!("{}.{:03}", millis.div_euclid(1000), millis.rem_euclid(1000))
}
