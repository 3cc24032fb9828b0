//! Threads for connections, each with a runtime of its own: a connection stays on the thread that got it, and no request
//! wakes another thread or is taken over by one.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio_util::task::TaskTracker;

use super::server::Server;
use crate::reply::Courier;

/// Threads for connections.
pub(super) struct Threads {
    all: Vec<Thread>,
}

struct Thread {
    give: mpsc::UnboundedSender<Given>,
    /// Connections that it has.
    open: Arc<AtomicUsize>,
    ended: oneshot::Receiver<()>,
}

/// A connection that is not yet known to the thread's runtime. The number of permits bounds the channel.
type Given = (std::net::TcpStream, OwnedSemaphorePermit);

impl Threads {
    /// One for each core.
    ///
    /// # Errors
    /// The operating system gives no thread, or no descriptors.
    pub(super) fn start(server: &Server) -> io::Result<Self> {
        let cores = thread::available_parallelism()?.get();
        let all = (0..cores).map(|number| Thread::start(number, server.clone()));
        Ok(Self { all: all.collect::<io::Result<_>>()? })
    }

    /// To the thread with the fewest.
    pub(super) fn give(&self, stream: TcpStream, permit: OwnedSemaphorePermit) -> io::Result<()> {
        let stream = stream.into_std()?;
        let least = self.all.iter().min_by_key(|thread| thread.open.load(Ordering::Relaxed));
        if let Some(thread) = least {
            thread.open.fetch_add(1, Ordering::Relaxed);
            thread.give.send((stream, permit)).map_err(|_| io::ErrorKind::BrokenPipe)?;
        }
        Ok(())
    }

    /// Takes no more, and waits for the connections that there are.
    pub(super) async fn finish(self) {
        let ends: Vec<_> = self.all.into_iter().map(|thread| thread.ended).collect();
        for ended in ends {
            // A thread that panicked has been heard of.
            let _ = ended.await;
        }
    }
}

impl Thread {
    fn start(number: usize, server: Server) -> io::Result<Self> {
        let (give, given) = mpsc::unbounded_channel();
        let (end, ended) = oneshot::channel();
        let open = Arc::new(AtomicUsize::new(0));
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let here = open.clone();
        thread::Builder::new().name(format!("http-{number}")).spawn(move || {
            runtime.block_on(serve(server, given, here));
            // Whoever waits for the end may have given up.
            let _ = end.send(());
        })?;
        Ok(Self { give, open, ended })
    }
}

async fn serve(server: Server, mut given: mpsc::UnboundedReceiver<Given>, open: Arc<AtomicUsize>) {
    let courier = Courier::install();
    tokio::spawn(async move { courier.run().await });
    let connections = TaskTracker::new();
    while let Some((stream, permit)) = given.recv().await {
        let (server, open) = (server.clone(), open.clone());
        connections.spawn(async move {
            match TcpStream::from_std(stream) {
                Ok(stream) => server.connection(stream, permit).await,
                Err(error) => tracing::warn!(%error, "a connection could not be taken"),
            }
            open.fetch_sub(1, Ordering::Relaxed);
        });
    }
    // In this order: only a connection begins a request, and a request may outlive its connection.
    for tasks in [&connections, &server.app.keyed] {
        tasks.close();
        tasks.wait().await;
    }
}
