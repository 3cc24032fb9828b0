//! Confluent REST v3's stream: documents come in, and reports go out, on one connection at the same time. Each document
//! is submitted once it is whole; a bounded number of them is worked on at once, and no more is read meanwhile. Reports
//! have the order of the documents.

use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts as Head;
use axum::response::Response;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::stream::{FuturesOrdered, StreamExt, unfold};
use kafka_gateway_api::v3::{self, Documents, Sizes};
use kafka_gateway_api::{Outcome, Refusal};

use super::App;
use super::asked::{Asked, Dialect, fingerprint};
use super::body::{Reserved, Source};
use super::routes::submit;
use crate::intake::Submission;

/// The reports of one request, as its body's documents become them.
pub(super) struct Reports {
    context: Arc<Context>,
    source: Source,
    documents: Documents,
    reserved: Reserved,
    running: FuturesOrdered<Report>,
    submitted: u64,
    reading: Reading,
}

enum Reading {
    On,
    Ended,
    /// The rest cannot be read. To be told when all before it is told.
    Failed(Refusal),
}

type Report = Pin<Box<dyn Future<Output = Vec<u8>> + Send>>;

struct Context {
    app: Arc<App>,
    asked: Asked,
    cluster: String,
    topic: String,
    head: Head,
}

impl Reports {
    pub(super) fn new(
        app: &Arc<App>,
        asked: Asked,
        (cluster, topic): (String, String),
        head: Head,
        first: Bytes,
        source: Source,
    ) -> Self {
        let context = Context { app: app.clone(), asked, cluster, topic, head };
        let mut reports = Self {
            context: Arc::new(context),
            source,
            documents: Documents::new(app.settings.body_max_bytes),
            reserved: Reserved::none(&app.bodies),
            running: FuturesOrdered::new(),
            submitted: 0,
            reading: Reading::On,
        };
        reports.take(&first);
        reports
    }

    /// Begins to answer.
    pub(super) fn respond(self) -> Response {
        let chunks = unfold(self, async |mut reports| {
            let chunk = reports.next().await?;
            Some((Ok::<_, std::convert::Infallible>(chunk), reports))
        });
        let mut response = Response::new(Body::from_stream(chunks));
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        response
    }

    /// Reports that are ready, at least one; `None` after the last.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            self.submit();
            let reads = matches!(self.reading, Reading::On) && self.running.len() < RUNNING_MAX;
            if !reads && self.running.is_empty() {
                return self.last();
            }
            let app = self.context.app.clone();
            let patience = match self.documents.pending() {
                0 => app.settings.idle_timeout,
                _ => app.settings.body_timeout,
            };
            tokio::select! {
                biased;
                Some(report) = self.running.next(), if !self.running.is_empty() => {
                    return Some(self.gathered(report));
                }
                () = app.stop.cancelled(), if reads => self.reading = Reading::Ended,
                read = self.source.next(patience), if reads => match read {
                    Ok(Some(chunk)) => self.take(&chunk),
                    Ok(None) => self.end(),
                    Err(refusal) => self.reading = Reading::Failed(refusal),
                },
            }
        }
    }

    fn take(&mut self, chunk: &[u8]) {
        match self.reserved.add(chunk.len()) {
            Ok(()) => self.documents.push(chunk),
            Err(refusal) => self.reading = Reading::Failed(refusal),
        }
    }

    fn end(&mut self) {
        self.reading = match self.documents.finish() {
            // White space alone: an answer without a report would be no JSON.
            Ok(()) if self.submitted == 0 => {
                Reading::Failed(Refusal::Malformed("the body has no document".to_owned()))
            }
            Ok(()) => Reading::Ended,
            Err(refusal) => Reading::Failed(refusal),
        };
    }

    /// Begins with what documents are whole, as far as there is room.
    fn submit(&mut self) {
        while self.running.len() < RUNNING_MAX && matches!(self.reading, Reading::On) {
            match self.documents.next() {
                Some(Ok(document)) => self.begin(document),
                Some(Err(refusal)) => self.reading = Reading::Failed(refusal),
                None => {
                    self.reserved.shrink(self.documents.pending());
                    return;
                }
            }
        }
    }

    fn begin(&mut self, document: Vec<u8>) {
        let (context, number) = (self.context.clone(), self.submitted);
        let reserved = self.reserved.split(document.len());
        self.submitted += 1;
        let keyed = context.asked.key.is_some();
        let report = async move {
            let report = context.report(number, &document).await;
            drop(reserved);
            report
        };
        // As for whole requests: what has a key goes on when the client hangs up.
        self.running.push_back(match keyed {
            false => Box::pin(report),
            true => Box::pin(self.context.app.keyed.spawn(report).map(Result::unwrap_or_default)),
        });
    }

    fn gathered(&mut self, mut reports: Vec<u8>) -> Bytes {
        while reports.len() < CHUNK_BYTES
            && let Some(Some(report)) = self.running.next().now_or_never()
        {
            reports.extend_from_slice(&report);
        }
        Bytes::from(reports)
    }

    fn last(&mut self) -> Option<Bytes> {
        let Reading::Failed(refusal) = std::mem::replace(&mut self.reading, Reading::Ended) else {
            return None;
        };
        let (context, mut report) = (&self.context, Vec::new());
        context.app.metrics.refusal(&refusal);
        let outcome = Outcome::Refused(refusal);
        v3::report(&context.cluster, &context.topic, Sizes::default(), &outcome, &mut report);
        Some(Bytes::from(report))
    }
}

impl Context {
    async fn report(&self, number: u64, document: &[u8]) -> Vec<u8> {
        let (sizes, outcome) = match v3::record(&self.topic, document) {
            Err(refusal) => {
                self.app.metrics.refusal(&refusal);
                (Sizes::default(), Outcome::Refused(refusal))
            }
            Ok(produce) => {
                // The second document and all after it are other requests, by the rules of Idempotency-Keys.
                let key = self.asked.key.as_ref().map(|key| match number {
                    0 => key.clone(),
                    _ => format!("{key}#{number}"),
                });
                let submission = Submission {
                    client: &self.asked.client,
                    records: vec![produce.record],
                    acks: None,
                    wait: true,
                    idempotency_key: key.as_deref(),
                    fingerprint: key.as_ref().map_or(0, |_| fingerprint(&self.head, document)),
                };
                let submitted = submit(&self.app, Dialect::Records, &submission).await;
                let outcome = submitted.outcomes.into_iter().next();
                (produce.sizes, outcome.unwrap_or(Outcome::Refused(Refusal::Stopping)))
            }
        };
        let mut report = Vec::new();
        v3::report(&self.cluster, &self.topic, sizes, &outcome, &mut report);
        report
    }
}

/// Documents of one stream that are worked on at once: a linger's worth at a brisk rate.
const RUNNING_MAX: usize = 256;

const CHUNK_BYTES: usize = 16 * 1024;
