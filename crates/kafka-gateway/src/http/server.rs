//! Connections: taken while there is room, given to one of the [`threads`](super::threads), each in a task of its own
//! that ends on time, all ended by the stop once their requests are answered.

use std::convert::Infallible;
use std::io;
use std::num::NonZero;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::http::header::CONNECTION;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use super::answer::Tracked;
use super::threads::Threads;
use super::watch::{Patience, Watch, Watched};
use super::{App, routes};
use crate::auth::Identity;

/// Serves until the app's stop, on a thread for each core, and then until the last request that has begun is answered.
///
/// # Errors
/// The operating system gives no thread for connections.
pub async fn serve(listener: TcpListener, app: Arc<App>) -> io::Result<()> {
    let stop = app.stop.clone();
    let router = TowerToHyperService::new(routes::router(&app));
    let server = Server { router, app, ending: Arc::default() };
    let room = server.app.room.clone();
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let (keyed, ending) = (server.app.keyed.clone(), server.ending.clone());
    let threads = Threads::start(cores, &move |stream| server.clone().connection(stream), &keyed)?;
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &room) => accepted,
        };
        match accepted.and_then(|(stream, permit)| threads.give(stream, permit)) {
            Ok(()) => (),
            // Out of file descriptors, most likely: what is open goes on, and some of it ends soon.
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    ending.begin();
    threads.finish().await;
    Ok(())
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = room.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, permit))
}

/// What every connection has.
#[derive(Clone)]
struct Server {
    app: Arc<App>,
    router: TowerToHyperService<Router>,
    ending: Arc<Ending>,
}

/// What wakes all connections when they are to end. A flag says whether it has begun: to ask a token, which has a lock,
/// with every turn of every connection is felt.
#[derive(Default)]
struct Ending {
    begun: AtomicBool,
    wakes: CancellationToken,
}

impl Ending {
    fn begin(&self) {
        self.begun.store(true, Ordering::Release);
        self.wakes.cancel();
    }
}

impl Server {
    async fn connection(self, stream: TcpStream) {
        // A response is written at once; to wait for more of it would only delay it.
        let _ = stream.set_nodelay(true);
        let Some(tls) = self.app.tls.clone() else {
            return self.speak(stream, None).await;
        };
        // In boxes: a connection without TLS would be as large as one with it.
        match Box::pin(tls.accept(stream, self.app.settings.header_timeout)).await {
            Ok((stream, identity)) => Box::pin(self.speak(stream, identity)).await,
            Err(error) => tracing::debug!(%error, "a TLS handshake failed"),
        }
    }

    async fn speak<S>(self, stream: S, identity: Option<Arc<Identity>>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let settings = &self.app.settings;
        let watch = Watch::new(Patience {
            headers: settings.header_timeout,
            idle: settings.idle_timeout,
            writes: settings.body_timeout,
        });
        let router = self.router;
        let handle = {
            let watch = watch.clone();
            move |request| answer(router.clone(), request, identity.clone(), watch.clone())
        };
        // Without hyper's own timer: the watch needs fewer. And without `pipeline_flush`: it lets answers pile up
        // without bound in front of a client that asks and does not read. Half-closed: a client that has said all
        // (`nc -N`) still gets its answer.
        let connection =
            http1::Builder::new().half_close(true).max_buf_size(BUFFER_BYTES).serve_connection(
                TokioIo::new(Watched::new(stream, watch.clone())),
                service_fn(handle),
            );
        let mut connection = pin!(connection);
        let ending = self.ending;
        let mut wake = pin!(ending.wakes.cancelled());
        let (mut wakes, mut draining) = (false, false);
        let mut timer = pin!(sleep_until(watch.deadline()));
        std::future::poll_fn(|context| {
            // Once is enough: the waker of a task stays the same.
            if !wakes {
                wakes = true;
                let _ = wake.as_mut().poll(context);
            }
            if !draining && ending.begun.load(Ordering::Acquire) {
                draining = true;
                connection.as_mut().graceful_shutdown();
            }
            if let Poll::Ready(ended) = connection.as_mut().poll(context) {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended early");
                }
                return Poll::Ready(());
            }
            loop {
                let deadline = watch.deadline();
                if deadline < timer.deadline() || timer.is_elapsed() {
                    timer.as_mut().reset(deadline);
                }
                if timer.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                if watch.is_over() {
                    tracing::debug!("a connection took too long");
                    return Poll::Ready(());
                }
            }
        })
        .await;
    }
}

async fn answer(
    router: TowerToHyperService<Router>,
    mut request: Request<Incoming>,
    identity: Option<Arc<Identity>>,
    watch: Arc<Watch>,
) -> Result<Response<Tracked>, Infallible> {
    let busy = watch.busy();
    if let Some(identity) = identity {
        request.extensions_mut().insert(identity);
    }
    let response = router.call(request).await?;
    if response.headers().contains_key(CONNECTION) {
        watch.linger();
    }
    Ok(response.map(|body| Tracked::new(body, busy)))
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Headers that do not fit are answered with 431; longer bodies are read in pieces.
const BUFFER_BYTES: usize = 64 * 1024;
