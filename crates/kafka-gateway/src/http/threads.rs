//! Threads for connections, each with a runtime of its own: a connection stays on the thread that got it, and no request
//! wakes another thread or is taken over by one.
//!
//! A thread ends only after its last connection, and after the tasks that outlive theirs.
//! Why not one runtime for all: docs/decisions/0019-a-connection-stays-on-its-thread.md.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio_util::task::TaskTracker;

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
struct Given {
    stream: std::net::TcpStream,
    seat: Seat,
}

/// A connection's place on its thread and among all connections; given back however the connection ends.
struct Seat {
    open: Arc<AtomicUsize>,
    _permit: OwnedSemaphorePermit,
}

impl Seat {
    fn take(open: &Arc<AtomicUsize>, permit: OwnedSemaphorePermit) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self { open: open.clone(), _permit: permit }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Threads {
    /// So many; `serve` makes of a connection what is done with it, and `beyond` has what goes on after it.
    ///
    /// # Errors
    /// The operating system gives no thread, or no descriptors.
    pub(super) fn start<Serve, Work>(
        count: usize,
        serve: &Serve,
        beyond: &TaskTracker,
    ) -> io::Result<Self>
    where
        Serve: Fn(TcpStream) -> Work + Clone + Send + 'static,
        Work: Future<Output = ()> + Send + 'static,
    {
        let start = |number| Thread::start(number, serve.clone(), beyond.clone());
        Ok(Self { all: (0..count).map(start).collect::<io::Result<_>>()? })
    }

    /// To the thread with the fewest.
    ///
    /// # Errors
    /// The connection is lost: the operating system would not have it, or the thread is gone.
    pub(super) fn give(&self, stream: TcpStream, permit: OwnedSemaphorePermit) -> io::Result<()> {
        let stream = stream.into_std()?;
        let least = self.all.iter().min_by_key(|thread| thread.open.load(Ordering::Relaxed));
        let Some(thread) = least else { return Err(io::ErrorKind::BrokenPipe.into()) };
        let given = Given { stream, seat: Seat::take(&thread.open, permit) };
        thread.give.send(given).map_err(|_| io::ErrorKind::BrokenPipe.into())
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
    fn start<Serve, Work>(number: usize, serve: Serve, beyond: TaskTracker) -> io::Result<Self>
    where
        Serve: Fn(TcpStream) -> Work + Send + 'static,
        Work: Future<Output = ()> + Send + 'static,
    {
        let (give, given) = mpsc::unbounded_channel();
        let (end, ended) = oneshot::channel();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new().name(format!("http-{number}")).spawn(move || {
            runtime.block_on(run(serve, given, beyond));
            // Whoever waits for the end may have given up.
            let _ = end.send(());
        })?;
        Ok(Self { give, open: Arc::default(), ended })
    }
}

async fn run<Serve, Work>(
    serve: Serve,
    mut given: mpsc::UnboundedReceiver<Given>,
    beyond: TaskTracker,
) where
    Serve: Fn(TcpStream) -> Work,
    Work: Future<Output = ()> + Send + 'static,
{
    let courier = Courier::install();
    tokio::spawn(async move { courier.run().await });
    let connections = TaskTracker::new();
    while let Some(Given { stream, seat }) = given.recv().await {
        match TcpStream::from_std(stream) {
            Ok(stream) => {
                let work = serve(stream);
                connections.spawn(async move {
                    work.await;
                    drop(seat);
                });
            }
            Err(error) => tracing::warn!(%error, "a connection could not be taken"),
        }
    }
    // In this order: only a connection begins a request, and a request may outlive its connection.
    for tasks in [&connections, &beyond] {
        tasks.close();
        tasks.wait().await;
    }
}

#[cfg(test)]
mod tests;
