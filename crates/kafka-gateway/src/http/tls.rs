//! TLS for the server: certificates that are read again when their files change, so that a rotation needs no restart.
//! Files that cannot be used leave what is in use as it is.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, version};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use super::identity;
use crate::auth::Identity;
use crate::settings::TlsSettings;

/// What new connections are served with.
pub struct Tls {
    settings: TlsSettings,
    current: RwLock<Arc<ServerConfig>>,
    /// Of the files that are in use.
    stamp: Mutex<Vec<Stamp>>,
    /// Whether the files are others by now, and cannot be used.
    failing: AtomicBool,
}

/// What changes when a file does: it is replaced more often than it is written.
type Stamp = Option<(u64, i64, i64, u64)>;

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// A file cannot be read, holds no certificate or key, or the key is another certificate's; the text names it.
    pub fn load(settings: &TlsSettings) -> Result<Self, String> {
        let stamp = stamp(settings);
        let current = RwLock::new(Arc::new(config(settings)?));
        Ok(Self {
            settings: settings.clone(),
            current,
            stamp: Mutex::new(stamp),
            failing: AtomicBool::new(false),
        })
    }

    /// Reads the files again. Open connections go on as they are.
    pub fn reload(&self) {
        let stamp = stamp(&self.settings);
        match config(&self.settings) {
            Ok(config) => {
                self.failing.store(false, Ordering::Release);
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
                *self.stamp.lock().unwrap_or_else(PoisonError::into_inner) = stamp;
                tracing::info!("the certificates of the HTTP server were read again");
            }
            Err(error) => {
                self.failing.store(true, Ordering::Release);
                tracing::error!(%error, "the certificates of the HTTP server stay as they were")
            }
        }
    }

    /// Whether the files could not be used the last time that they were read.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Acquire)
    }

    /// Reads the files again whenever they change, until the stop.
    pub async fn follow(&self, every: Duration, stop: CancellationToken) {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut refused = None;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => (),
            }
            let now = stamp(&self.settings);
            if now == self.used() {
                // Also files that were put back as they had been.
                self.failing.store(false, Ordering::Release);
            }
            // Files that could not be used are tried again when they change again, and not with every tick.
            if now != self.used() && refused.as_ref() != Some(&now) {
                self.reload();
                refused = (now != self.used()).then_some(now);
            }
        }
    }

    fn used(&self) -> Vec<Stamp> {
        self.stamp.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Greets a client.
    ///
    /// # Errors
    /// It speaks no TLS, shows a certificate that is not accepted, or takes too long.
    pub(super) async fn accept(
        &self,
        stream: TcpStream,
        patience: Duration,
    ) -> io::Result<(TlsStream<TcpStream>, Option<Arc<Identity>>)> {
        let config = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        let stream = timeout(patience, TlsAcceptor::from(config).accept(stream)).await??;
        let (_, session) = stream.get_ref();
        let leaf = session.peer_certificates().and_then(<[_]>::first);
        let identity = match leaf {
            None => None,
            Some(leaf) => Some(Arc::new(identity::of(leaf).map_err(io::Error::other)?)),
        };
        Ok((stream, identity))
    }
}

fn config(settings: &TlsSettings) -> Result<ServerConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let chain = certificates(&settings.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&settings.key)
        .map_err(|error| format!("{}: {error}", settings.key.display()))?;
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .map_err(|error| error.to_string())?;
    let builder = match &settings.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(roots(path)?, provider);
            let verifier = match settings.client_required {
                true => verifier,
                false => verifier.allow_unauthenticated(),
            };
            let verifier = verifier.build().map_err(|error| problem(path, &error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|error| problem(&settings.certificate, &error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn roots(path: &Path) -> Result<Arc<RootCertStore>, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| problem(path, &error))?;
    }
    Ok(Arc::new(roots))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    match read {
        Ok(certificates) if Vec::is_empty(&certificates) => {
            Err(format!("{}: no certificate in it", path.display()))
        }
        read => read.map_err(|error| problem(path, &error)),
    }
}

fn problem(path: &Path, error: &dyn std::fmt::Display) -> String {
    format!("{}: {error}", path.display())
}

fn stamp(settings: &TlsSettings) -> Vec<Stamp> {
    [Some(&settings.certificate), Some(&settings.key), settings.client_ca.as_ref()]
        .into_iter()
        .flatten()
        .map(|path| {
            let file = fs::metadata(path).ok()?;
            Some((file.ino(), file.mtime(), file.mtime_nsec(), file.len()))
        })
        .collect()
}
