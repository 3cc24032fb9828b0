//! What every loop may use: settings, and the places where they ask and tell. It knows none of the loops.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::cluster::Cluster;
use crate::health::Health;
use crate::metrics::Metrics;
use crate::settings::Settings;
use crate::traces::{Exporter, Traces};
use crate::wire::Wire;

/// What every loop may use.
pub struct Context {
    /// What is configured.
    pub settings: Arc<Settings>,
    /// Where outcomes are counted.
    pub metrics: Arc<Metrics>,
    /// Connections to brokers.
    pub wire: Arc<Wire>,
    /// Admin calls.
    pub cluster: Arc<Cluster>,
    /// Where outcomes are told for readiness, liveness and `/status`.
    pub health: Arc<Health>,
    /// Where the reader is, for the commits.
    pub position: Arc<Position>,
    /// Where records are traced; none when tracing is off.
    pub traces: Option<Arc<Traces>>,
}

impl Context {
    /// Makes what the settings describe; nothing is connected yet.
    ///
    /// # Errors
    /// Settings that the metrics, OpenSSL or librdkafka refuse; the text names the variable.
    pub fn new(settings: Settings) -> Result<(Arc<Self>, Option<Exporter>), String> {
        let metrics =
            Metrics::new(&settings.metrics, &settings.kafka.client_id, &settings.topic.name)
                .map_err(|error| {
                    format!("PROMETHEUS_CONSTANT_LABELS or buckets do not fit the metrics: {error}")
                })?;
        let wire = Arc::new(Wire::new(&settings.kafka).map_err(|error| error.to_string())?);
        let (traces, exporter) = Traces::new(&settings)?.unzip();
        let context = Arc::new(Self {
            metrics: Arc::new(metrics),
            cluster: Arc::new(Cluster::new(wire.clone())),
            wire,
            health: Arc::new(Health::new(&settings)),
            position: Arc::default(),
            traces: traces.map(Arc::new),
            settings: Arc::new(settings),
        });
        Ok((context, exporter))
    }
}

/// How far the topic's first partition is read: what is committed for the group, which then shows its true lag.
#[derive(Debug, Default)]
pub struct Position(AtomicI64);

impl Position {
    /// The offset behind the record read last.
    #[must_use]
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// It was read up to here.
    pub fn set(&self, offset: i64) {
        self.0.store(offset, Ordering::Relaxed);
    }
}
