//! `EXPORTER_TYPE_TRACING`: a trace for each record, with a span for writing and one from then until reading, sent to an
//! OpenTelemetry collector or to Jaeger by OTLP over HTTP with JSON. The record carries the trace in its header
//! `traceparent` (W3C Trace Context), as strimzi-canary's does; without tracing records have no header.
//!
//! Nothing waits for a collector: spans go through a bounded queue, and what does not fit, or is not taken, is dropped
//! and said so in the log. Spans follow OpenTelemetry's conventions for messaging.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::settings::Settings;

/// The header that a record carries.
pub const HEADER: &str = "traceparent";

/// Where spans are told; cheap and without waiting.
pub struct Traces {
    queue: mpsc::Sender<Span>,
    dropped: Arc<AtomicU64>,
}

/// What takes them to the collector; [`Exporter::run`] is its loop.
pub struct Exporter {
    queue: mpsc::Receiver<Span>,
    dropped: Arc<AtomicU64>,
    client: reqwest::Client,
    url: reqwest::Url,
    headers: HeaderMap,
    service: String,
    topic: String,
    client_id: String,
}

/// A place in a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    trace: u128,
    span: u64,
}

/// What happened to a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    place: Place,
    parent: Option<u64>,
    partition: i32,
    offset: Option<i64>,
    begin: SystemTime,
    end: SystemTime,
    error: Option<String>,
}

impl Traces {
    /// Both ends of the queue; none when tracing is off.
    ///
    /// # Errors
    /// An address or a header that cannot be; the text names the variable.
    pub fn new(settings: &Settings) -> Result<Option<(Self, Exporter)>, String> {
        let Some(traces) = &settings.operation.traces else { return Ok(None) };
        let url = reqwest::Url::parse(&traces.endpoint)
            .ok()
            .filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
            .ok_or_else(|| {
                format!(
                    "OTEL_EXPORTER_OTLP_ENDPOINT: {:?} is no address; write http://localhost:4318",
                    traces.endpoint
                )
            })?;
        let mut headers = HeaderMap::new();
        for (name, value) in &traces.headers {
            let pair = name.parse::<HeaderName>().ok().zip(HeaderValue::from_str(value).ok());
            let (name, mut value) = pair.ok_or(
                "OTEL_EXPORTER_OTLP_HEADERS holds no headers; write name=value,name=value",
            )?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let client = reqwest::Client::builder()
            .timeout(SEND_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| format!("EXPORTER_TYPE_TRACING: no HTTP client: {error}"))?;
        let (sender, queue) = mpsc::channel(QUEUED_SPANS_MAX);
        let dropped = Arc::new(AtomicU64::new(0));
        let exporter = Exporter {
            queue,
            dropped: dropped.clone(),
            client,
            url,
            headers,
            service: traces.service.clone(),
            topic: settings.topic.name.clone(),
            client_id: settings.kafka.client_id.clone(),
        };
        Ok(Some((Self { queue: sender, dropped }, exporter)))
    }

    /// A new trace for a record that is written now; none if there is no randomness, which OpenSSL would say.
    #[must_use]
    pub fn begin(&self) -> Option<Place> {
        Place::random(None)
    }

    /// The record was acknowledged or refused, `latency` after it was sent.
    pub fn produced(
        &self,
        place: Place,
        partition: i32,
        latency: Duration,
        result: Result<Option<i64>, &str>,
    ) {
        let end = SystemTime::now();
        self.tell(Span {
            place,
            parent: None,
            partition,
            offset: result.ok().flatten(),
            begin: end.checked_sub(latency).unwrap_or(end),
            end,
            error: result.err().map(str::to_owned),
        });
    }

    /// A record with this header was read; `sent` is its timestamp in milliseconds since 1970.
    pub fn consumed(&self, header: &[u8], partition: i32, offset: i64, sent: u64) {
        let Some(parent) = std::str::from_utf8(header).ok().and_then(Place::parse) else { return };
        let Some(place) = Place::random(Some(parent.trace)) else { return };
        let end = SystemTime::now();
        let begin =
            UNIX_EPOCH.checked_add(Duration::from_millis(sent)).filter(|begin| *begin <= end);
        self.tell(Span {
            place,
            parent: Some(parent.span),
            partition,
            offset: Some(offset),
            begin: begin.unwrap_or(end),
            end,
            error: None,
        });
    }

    fn tell(&self, span: Span) {
        if self.queue.try_send(span).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Place {
    fn random(trace: Option<u128>) -> Option<Self> {
        let mut bytes = [0; 24];
        openssl::rand::rand_bytes(&mut bytes).ok()?;
        let (for_trace, for_span) = bytes.split_first_chunk::<16>()?;
        let span = u64::from_be_bytes(*for_span.first_chunk::<8>()?);
        let trace = trace.unwrap_or(u128::from_be_bytes(*for_trace));
        Some(Self { trace, span }).filter(|place| place.trace != 0 && place.span != 0)
    }

    /// As the header has it: version, trace, span, sampled.
    #[must_use]
    pub fn header(self) -> String {
        format!("00-{:032x}-{:016x}-01", self.trace, self.span)
    }

    fn parse(header: &str) -> Option<Self> {
        let mut parts = header.split('-');
        let (version, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
        if version.len() != 2 || trace.len() != 32 || span.len() != 16 {
            return None;
        }
        let place = Self {
            trace: u128::from_str_radix(trace, 16).ok()?,
            span: u64::from_str_radix(span, 16).ok()?,
        };
        Some(place).filter(|place| place.trace != 0 && place.span != 0)
    }
}

impl Exporter {
    /// Sends what is queued every few seconds, until the stop.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut failing = false;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(SEND_INTERVAL) => (),
            }
            let mut spans = Vec::new();
            while let Ok(span) = self.queue.try_recv() {
                spans.push(span);
            }
            if spans.is_empty() {
                continue;
            }
            let sent = tokio::select! {
                () = stop.cancelled() => return,
                sent = self.send(&spans) => sent,
            };
            match &sent {
                Ok(()) if failing => tracing::info!(url = %self.url, "spans are taken again"),
                Ok(()) => (),
                Err(error) if !failing => {
                    tracing::warn!(url = %self.url, spans = spans.len(), "spans are not taken and dropped: {error}");
                }
                Err(error) => {
                    tracing::debug!(spans = spans.len(), "spans are not taken and dropped: {error}")
                }
            }
            failing = sent.is_err();
            let dropped = self.dropped.swap(0, Ordering::Relaxed);
            if dropped > 0 {
                tracing::warn!(dropped, "more spans than the queue holds");
            }
        }
    }

    async fn send(&self, spans: &[Span]) -> Result<(), String> {
        let body = self.body(spans).to_string();
        let request = self.client.post(self.url.clone()).headers(self.headers.clone()).body(body);
        let response = request.send().await.map_err(|error| error.without_url().to_string())?;
        match response.status() {
            status if status.is_success() => Ok(()),
            status => Err(format!("answered with {status}; is this an OTLP endpoint for HTTP?")),
        }
    }

    /// `ExportTraceServiceRequest` in its JSON form: ids in hexadecimal, 64-bit numbers as texts.
    fn body(&self, spans: &[Span]) -> Value {
        let spans: Vec<Value> = spans.iter().map(|span| self.span(span)).collect();
        json!({"resourceSpans": [{
            "resource": {"attributes": [text("service.name", &self.service)]},
            "scopeSpans": [{
                "scope": {"name": "kafka-canary", "version": env!("CARGO_PKG_VERSION")},
                "spans": spans,
            }],
        }]})
    }

    fn span(&self, span: &Span) -> Value {
        // SPAN_KIND_PRODUCER and SPAN_KIND_CONSUMER.
        let (operation, kind) = if span.parent.is_none() { ("send", 4) } else { ("receive", 5) };
        let mut attributes = vec![
            text("messaging.system", "kafka"),
            text("messaging.operation.type", operation),
            text("messaging.destination.name", &self.topic),
            text("messaging.destination.partition.id", &span.partition.to_string()),
            text("messaging.client.id", &self.client_id),
        ];
        if let Some(offset) = span.offset {
            attributes.push(
                json!({"key": "messaging.kafka.offset", "value": {"intValue": offset.to_string()}}),
            );
        }
        let mut out = json!({
            "traceId": format!("{:032x}", span.place.trace),
            "spanId": format!("{:016x}", span.place.span),
            "name": format!("{operation} {}", self.topic),
            "kind": kind,
            "startTimeUnixNano": nanoseconds(span.begin),
            "endTimeUnixNano": nanoseconds(span.end),
        });
        if let Some(reason) = &span.error {
            attributes.push(text("error.type", reason));
        }
        if let Value::Object(fields) = &mut out {
            fields.insert("attributes".to_owned(), Value::Array(attributes));
            if let Some(parent) = span.parent {
                fields.insert("parentSpanId".to_owned(), Value::String(format!("{parent:016x}")));
            }
            if let Some(reason) = &span.error {
                // STATUS_CODE_ERROR.
                fields.insert("status".to_owned(), json!({"code": 2, "message": reason}));
            }
        }
        out
    }
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

fn nanoseconds(time: SystemTime) -> String {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos()).to_string()
}

/// Five seconds of 200 partitions at the default rate, both spans.
const QUEUED_SPANS_MAX: usize = 2048;

const SEND_INTERVAL: Duration = Duration::from_secs(2);

const SEND_TIMEOUT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
