//! Paths and methods, and from a request to the records that it asks to write.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::request::Parts as Head;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use kafka_gateway_api::v3::batch;
use kafka_gateway_api::{OPENAPI, Outcome, Record, Refusal, push, raw};
use tower_http::cors::{AllowHeaders, AllowOrigin, Any, CorsLayer};

use super::App;
use super::answer::{REPLAYED, close, replayed, send};
use super::asked::{Asked, Dialect, acks, fingerprint};
use super::body::{self, Source, Whole};
use super::clusters;
use super::stream;
use crate::auth::Client;
use crate::intake::{Submission, Submitted};
use crate::settings::CorsSettings;

type Shared = State<Arc<App>>;

/// All paths.
pub(super) fn router(app: &Arc<App>) -> Router {
    let openapi = get(|| async { ([(CONTENT_TYPE, "application/yaml")], OPENAPI) });
    let router = Router::new()
        .route("/push", only(post(push), Dialect::Push))
        .route("/topics/{topic}", only(post(topic), Dialect::Topic))
        .route("/v3/clusters", only(get(clusters::list), Dialect::Clusters))
        .route("/v3/clusters/{cluster}", only(get(clusters::one), Dialect::Clusters))
        .route(
            "/v3/clusters/{cluster}/topics/{topic}/records",
            only(post(records), Dialect::Records),
        )
        .route(
            "/v3/clusters/{cluster}/topics/{topic}/records:batch",
            only(post(batched), Dialect::Batch),
        )
        .route("/openapi.yaml", only(openapi, Dialect::Other))
        .fallback(unknown)
        .with_state(app.clone());
    match &app.settings.cors {
        None => router,
        Some(settings) => router.layer(cors(settings)),
    }
}

/// A method that a path does not have is refused in the shape of its dialect; axum adds which ones it has.
fn only(methods: MethodRouter<Arc<App>>, dialect: Dialect) -> MethodRouter<Arc<App>> {
    methods.fallback(move |State(app): Shared, request: Request| async move {
        if request.method() == Method::OPTIONS {
            return StatusCode::NO_CONTENT.into_response();
        }
        let (begun, source) = (Instant::now(), Source::new(request.into_body()));
        finish(&app, dialect, begun, &source, Err(Refusal::MethodNotAllowed))
    })
}

async fn unknown(State(app): Shared, request: Request) -> Response {
    let dialect = match request.uri().path() {
        path if path.starts_with("/v3/") => Dialect::Records,
        _ => Dialect::Other,
    };
    let (begun, source) = (Instant::now(), Source::new(request.into_body()));
    finish(&app, dialect, begun, &source, Err(Refusal::UnknownPath))
}

/// Browsers ask before they send; which origins may is configured. What headers they may send is not: those of raw
/// records have whatever names.
fn cors(settings: &CorsSettings) -> CorsLayer {
    let layer = CorsLayer::new()
        .allow_methods([Method::POST, Method::GET])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([RETRY_AFTER, REPLAYED])
        .max_age(settings.max_age);
    if settings.origins.iter().any(|origin| origin == "*") {
        return layer.allow_origin(Any);
    }
    let origins = settings.origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    layer.allow_origin(AllowOrigin::list(origins))
}

async fn push(State(app): Shared, request: Request) -> Response {
    let (begun, (head, body)) = (Instant::now(), request.into_parts());
    let mut source = Source::new(body);
    let answer = match ready(&app, Dialect::Push, head, &mut source).await {
        Ok(ready) => ready.answer(Ready::push).await,
        Err(refusal) => Err(refusal),
    };
    if let Ok(answer) = &answer {
        app.metrics.push(answer.waited, answer.response.status().as_u16(), begun.elapsed());
    }
    finish(&app, Dialect::Push, begun, &source, answer.map(|answer| answer.response))
}

async fn topic(
    State(app): Shared,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let (begun, (head, body)) = (Instant::now(), request.into_parts());
    let mut source = Source::new(body);
    let work = async {
        let Path(topic) = path.map_err(malformed)?;
        let ready = ready(&app, Dialect::Topic, head, &mut source).await?;
        ready.answer(|ready| ready.topic(topic)).await
    };
    let answer = work.await;
    finish(&app, Dialect::Topic, begun, &source, answer.map(|answer| answer.response))
}

async fn batched(
    State(app): Shared,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Response {
    let (begun, (head, body)) = (Instant::now(), request.into_parts());
    let mut source = Source::new(body);
    let work = async {
        let Path((cluster, topic)) = path.map_err(malformed)?;
        let asked = Asked::new(&app, Dialect::Batch, &head)?;
        app.cluster(&cluster)?;
        let ready = asked.read(&app, Dialect::Batch, head, &mut source).await?;
        ready.answer(|ready| ready.batch(cluster, topic)).await
    };
    let answer = work.await;
    finish(&app, Dialect::Batch, begun, &source, answer.map(|answer| answer.response))
}

async fn records(
    State(app): Shared,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Response {
    let (begun, (head, body)) = (Instant::now(), request.into_parts());
    let mut source = Source::new(body);
    let work = async {
        let Path((cluster, topic)) = path.map_err(malformed)?;
        let asked = Asked::new(&app, Dialect::Records, &head)?;
        app.cluster(&cluster)?;
        // Only now may a client that asks first (`Expect: 100-continue`) send; and an empty body is no stream.
        match source.next(app.settings.body_timeout).await? {
            Some(first) => Ok((cluster, topic, asked, first)),
            None => Err(Refusal::Malformed("the body holds no record".to_owned())),
        }
    };
    match work.await {
        Ok((cluster, topic, asked, first)) => {
            let reports = stream::Reports::new(&app, asked, (cluster, topic), head, first, source);
            app.metrics.request(Dialect::Records.api(), 200, begun.elapsed());
            reports.respond()
        }
        Err(refusal) => finish(&app, Dialect::Records, begun, &source, Err(refusal)),
    }
}

pub(super) fn malformed(rejection: PathRejection) -> Refusal {
    Refusal::Malformed(rejection.body_text())
}

/// The end of every request: refusals are rendered and counted here, and nowhere else.
pub(super) fn finish(
    app: &App,
    dialect: Dialect,
    begun: Instant,
    source: &Source,
    answer: Result<Response, Refusal>,
) -> Response {
    let mut response = match answer {
        Ok(response) => response,
        Err(refusal) => {
            app.metrics.refusal(&refusal);
            send(dialect.refuse(&refusal))
        }
    };
    if !source.is_ended() {
        close(&mut response);
    }
    app.metrics.request(dialect.api(), response.status().as_u16(), begun.elapsed());
    response
}

/// A request that was read, and may be worked on.
struct Ready {
    app: Arc<App>,
    dialect: Dialect,
    head: Head,
    client: Arc<Client>,
    key: Option<String>,
    body: Whole,
}

struct Answer {
    response: Response,
    waited: bool,
}

async fn ready(
    app: &Arc<App>,
    dialect: Dialect,
    head: Head,
    source: &mut Source,
) -> Result<Ready, Refusal> {
    Asked::new(app, dialect, &head)?.read(app, dialect, head, source).await
}

impl Asked {
    async fn read(
        self,
        app: &Arc<App>,
        dialect: Dialect,
        head: Head,
        source: &mut Source,
    ) -> Result<Ready, Refusal> {
        let settings = &app.settings;
        let body =
            body::read(source, settings.body_max_bytes, &app.bodies, settings.body_timeout).await?;
        let Self { client, key } = self;
        Ok(Ready { app: app.clone(), dialect, head, client, key, body })
    }
}

impl Ready {
    /// A client that hangs up ends what is done for it. With an Idempotency-Key it will come back and ask what became
    /// of its request, and the answer must be there: such a request goes on in a task of its own.
    async fn answer<Work>(self, work: impl FnOnce(Self) -> Work) -> Result<Answer, Refusal>
    where
        Work: Future<Output = Result<Answer, Refusal>> + Send + 'static,
    {
        let keyed = self.key.is_some().then(|| self.app.keyed.clone());
        let work = work(self);
        match keyed {
            None => work.await,
            // A task that panicked ends the process.
            Some(keyed) => keyed.spawn(work).await.unwrap_or(Err(Refusal::Stopping)),
        }
    }

    async fn push(self) -> Result<Answer, Refusal> {
        let request = push::parse(&self.body.bytes, self.app.settings.records_max)?;
        let waited = request.wait;
        let submitted = self.submit(request.records, request.acks, waited).await;
        let response = send(push::respond(&submitted.outcomes));
        Ok(Answer { response: marked(response, &submitted), waited })
    }

    async fn topic(self, topic: String) -> Result<Answer, Refusal> {
        let headers = self.head.headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_bytes()));
        let request = raw::record(&topic, headers, self.head.uri.query(), &self.body.bytes)?;
        let waited = request.wait;
        let submitted = self.submit(vec![request.record], request.acks, waited).await;
        let response = match submitted.outcomes.first() {
            Some(outcome) => send(raw::respond(&topic, outcome)),
            None => return Err(Refusal::Stopping),
        };
        Ok(Answer { response: marked(response, &submitted), waited })
    }

    async fn batch(self, cluster: String, topic: String) -> Result<Answer, Refusal> {
        let entries = batch::parse(&topic, &self.body.bytes, self.app.settings.records_max)?;
        let mut records = Vec::with_capacity(entries.len());
        let mut slots = Vec::with_capacity(entries.len());
        for entry in entries {
            slots.push((
                entry.id,
                entry.produce.map(|produce| {
                    records.push(produce.record);
                    produce.sizes
                }),
            ));
        }
        let submitted = self.submit(records, None, true).await;
        let mut outcomes = submitted.outcomes.iter().cloned();
        let answers: Vec<_> = slots
            .iter()
            .map(|(id, produce)| {
                let (sizes, outcome) = match produce {
                    Ok(sizes) => (*sizes, outcomes.next()),
                    Err(refusal) => (Default::default(), Some(Outcome::Refused(refusal.clone()))),
                };
                let outcome = outcome.unwrap_or(Outcome::Refused(Refusal::Stopping));
                batch::Answer { id, sizes, outcome }
            })
            .collect();
        let response = send(batch::respond(&cluster, &topic, &answers));
        Ok(Answer { response: marked(response, &submitted), waited: true })
    }

    async fn submit(&self, records: Vec<Record<'_>>, number: Option<i16>, wait: bool) -> Submitted {
        let key = self.key.as_deref();
        let submission = Submission {
            client: &self.client,
            records,
            acks: acks(number),
            wait,
            idempotency_key: key,
            fingerprint: key.map_or(0, |_| fingerprint(&self.head, &self.body.bytes)),
        };
        submit(&self.app, self.dialect, &submission).await
    }
}

/// To the intake; and counts what became of the records.
pub(super) async fn submit(app: &App, dialect: Dialect, submission: &Submission<'_>) -> Submitted {
    let submitted = app.intake.submit(submission).await;
    // An answer that is repeated says nothing of new records.
    if !submitted.replayed {
        for (record, outcome) in submission.records.iter().zip(&submitted.outcomes) {
            app.metrics.record(dialect.api(), &record.topic, record.size_bytes(), outcome);
        }
    }
    submitted
}

fn marked(mut response: Response, submitted: &Submitted) -> Response {
    if submitted.replayed {
        replayed(&mut response);
    }
    response
}
