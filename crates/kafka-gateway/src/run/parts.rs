//! What the process is made of, and in which order: nothing is served before the write-ahead log was read.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::restore;
use crate::auth::Clients;
use crate::http::{App, Tls, management};
use crate::idempotency::Keys;
use crate::intake::{self, Intake};
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::producer::Producers;
use crate::pump::Pump;
use crate::pump::recovery::Search;
use crate::settings::{LogSettings, Settings};
use crate::wal::{Reader, Recovery, Unread, Wal};

/// The parts, ready to begin.
pub(super) struct Parts {
    pub(super) app: Arc<App>,
    pub(super) shown: Arc<management::Shown>,
    pub(super) intake: Arc<Intake>,
    pub(super) producers: Arc<Producers>,
    pub(super) wal: Option<Arc<Wal>>,
    pub(super) pump: Option<(Arc<Pump>, Reader, Search<Unread>)>,
    pub(super) tls: Option<Arc<Tls>>,
    /// Ends the server for producers.
    pub(super) stop: CancellationToken,
}

impl Parts {
    /// # Errors
    /// What cannot work on this host, with the key that says so.
    pub(super) async fn new(settings: &Settings) -> Result<Self, String> {
        let tls = match &settings.http.tls {
            None => None,
            Some(tls) => {
                Some(Arc::new(Tls::load(tls).map_err(|text| format!("http.tls: {text}"))?))
            }
        };
        let metrics = Arc::new(Metrics::new().map_err(|error| format!("metrics: {error}"))?);
        let producers = Producers::new(&settings.kafka, metrics.clone());
        let producers = Arc::new(producers.map_err(|text| format!("kafka: {text}"))?);
        let keys = Keys::new(settings.idempotency);
        let (wal, pump) = match &settings.log {
            None => (None, None),
            Some(log) => {
                let (wal, recovery) = open(log, settings, metrics.clone()).await?;
                restore::keys(&keys, recovery.answered, recovery.unfinished);
                let pump = Pump::new(wal.clone(), producers.clone(), keys.clone(), metrics.clone());
                let search = Search::new(&settings.kafka, recovery.unread, recovery.offsets);
                (Some(wal), Some((pump, recovery.reader, search)))
            }
        };
        let log = wal.clone().zip(pump.as_ref());
        let log = log.map(|(wal, (pump, _, _))| intake::Log { wal, pump: pump.clone() });
        let intake = Arc::new(Intake::new(intake::Parts {
            producers: producers.clone(),
            limits: Limits::new(&settings.topic_limits),
            keys: keys.clone(),
            log,
            acks: settings.kafka.acks,
            message_max_bytes: settings.kafka.message_max_bytes,
            message_timeout: settings.kafka.message_timeout,
        }));
        let stop = CancellationToken::new();
        let app = Arc::new(App::new(crate::http::Parts {
            settings: settings.http.clone(),
            intake: intake.clone(),
            clients: Clients::new(&settings.access),
            producers: producers.clone(),
            metrics,
            tls: tls.clone(),
            stop: stop.clone(),
        }));
        let shown = management::Shown {
            app: app.clone(),
            keys,
            wal: wal.clone(),
            draining: AtomicBool::new(false),
        };
        Ok(Self { app, shown: Arc::new(shown), intake, producers, wal, pump, tls, stop })
    }
}

/// Reads what the process before left.
async fn open(
    log: &LogSettings,
    settings: &Settings,
    metrics: Arc<Metrics>,
) -> Result<(Arc<Wal>, Recovery), String> {
    let (log, idempotency) = (log.clone(), settings.idempotency);
    let opened = spawn_blocking(move || Wal::open(&log, &idempotency, metrics)).await;
    let (wal, recovery) = match opened {
        Ok(opened) => opened.map_err(|error| format!("wal: {error}")),
        Err(error) => Err(format!("wal: reading it failed: {error}")),
    }?;
    for cut in &recovery.cut {
        tracing::warn!("{cut}");
    }
    if recovery.waiting > 0 {
        tracing::info!(requests = recovery.waiting, "the write-ahead log has requests to deliver");
    }
    Ok((wal, recovery))
}
