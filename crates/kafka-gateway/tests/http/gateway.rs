//! A gateway for one test: the real parts, on free ports.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use kafka_gateway::auth::Clients;
use kafka_gateway::http::{self, App, Tls};
use kafka_gateway::idempotency::Keys;
use kafka_gateway::intake::{self, Intake};
use kafka_gateway::limits::Limits;
use kafka_gateway::metrics::Metrics;
use kafka_gateway::producer::Producers;
use kafka_gateway::settings::{self, Settings};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::client::{Answer, Client};

pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    pub(crate) stop: CancellationToken,
    pub(crate) served: JoinHandle<()>,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) producers: Arc<Producers>,
    _cluster: MockCluster<'static, DefaultProducerContext>,
}

/// With the topic `orders` of four partitions.
pub(crate) fn cluster() -> MockCluster<'static, DefaultProducerContext> {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("orders", 4, 1).unwrap();
    cluster
}

/// As an empty file says, but for the brokers.
pub(crate) fn settings(brokers: &str) -> Settings {
    let variable = ("KAFKA_GATEWAY_KAFKA__BROKERS".into(), brokers.into());
    let mut settings = settings::load(None, [variable]).unwrap();
    settings.http.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    settings
}

impl Gateway {
    pub(crate) async fn start(change: impl FnOnce(&mut Settings)) -> Self {
        let cluster = cluster();
        let mut settings = settings(&cluster.bootstrap_servers());
        change(&mut settings);
        let metrics = Arc::new(Metrics::new().unwrap());
        let producers = Arc::new(Producers::new(&settings.kafka, metrics.clone()).unwrap());
        let intake = Arc::new(Intake::new(intake::Parts {
            producers: producers.clone(),
            limits: Limits::new(&settings.topic_limits),
            keys: Keys::new(settings.idempotency),
            log: None,
            acks: settings.kafka.acks,
            message_max_bytes: settings.kafka.message_max_bytes,
            message_timeout: settings.kafka.message_timeout,
        }));
        let tls = settings.http.tls.as_ref().map(|tls| Arc::new(Tls::load(tls).unwrap()));
        let stop = CancellationToken::new();
        let listener = http::bind(settings.http.listen).unwrap();
        let address = listener.local_addr().unwrap();
        let app = App::new(http::Parts {
            settings: settings.http.clone(),
            intake,
            clients: Clients::new(&settings.access),
            producers: producers.clone(),
            metrics,
            tls: tls.clone(),
            stop: stop.clone(),
        });
        let served = tokio::spawn(async { http::serve(listener, Arc::new(app)).await.unwrap() });
        Self { address, stop, served, tls, producers, _cluster: cluster }
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::connect(self.address).await
    }

    /// One request on a connection of its own.
    pub(crate) async fn ask(&self, head: &str, body: &str) -> Answer {
        self.connect().await.ask(head, body).await
    }

    /// The id of the mock cluster, once it is known.
    pub(crate) async fn cluster_id(&self) -> String {
        let known = async {
            loop {
                match self.producers.cluster_id() {
                    Some(id) => return id,
                    None => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        };
        timeout(Duration::from_secs(10), known).await.expect("the cluster has an id")
    }

    /// Ends it, which must take less than a moment.
    pub(crate) async fn stopped(self) {
        self.stop.cancel();
        timeout(Duration::from_secs(5), self.served).await.expect("all connections end").unwrap();
        let producers = self.producers;
        tokio::task::spawn_blocking(move || producers.stop()).await.unwrap();
    }
}

/// kprf's request for one record.
pub(crate) fn push(topic: &str, wait: bool) -> String {
    format!(r#"{{"records":[{{"topic":"{topic}","data":"x","key":"k"}}],"wait_for_send":{wait}}}"#)
}
