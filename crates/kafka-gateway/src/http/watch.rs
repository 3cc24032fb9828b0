//! What a connection is doing, and how long it may go on so: one timer a connection that is only touched when a
//! deadline comes nearer, so that requests which are answered at once cost no timer at all.
//!
//! A connection's task is the only one that changes its watch, so relaxed order is enough.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// How long a connection may do what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Until the headers of a request are whole.
    pub(super) headers: Duration,
    /// Between two requests.
    pub(super) idle: Duration,
    /// While the client takes no byte of a response.
    pub(super) writes: Duration,
}

/// What one connection is doing.
pub(super) struct Watch {
    begun: Instant,
    patience: Patience,
    phase: AtomicU8,
    /// Milliseconds from `begun` until the phase began.
    since: AtomicU64,
    /// Milliseconds from `begun` until a write, and a flush, had to wait, plus one; zero is a client that takes what it
    /// gets. A flush says nothing of writes: without TLS it is always done.
    stalled: [AtomicU64; 2],
    lingers: AtomicBool,
}

/// Waiting for the first request: a client that connects has something to say.
const FRESH: u8 = 0;
/// Some bytes of a request's head are here.
const HEAD: u8 = 1;
/// A request is being read, worked on or answered: bodies have a timeout of their own.
const BUSY: u8 = 2;
/// Between two requests.
const IDLE: u8 = 3;
/// Nothing more will be answered.
const CLOSING: u8 = 4;

impl Watch {
    pub(super) fn new(patience: Patience) -> Arc<Self> {
        Arc::new(Self {
            begun: Instant::now(),
            patience,
            phase: AtomicU8::new(FRESH),
            since: AtomicU64::new(0),
            stalled: Default::default(),
            lingers: AtomicBool::new(false),
        })
    }

    /// When to give the connection up, as things stand.
    pub(super) fn deadline(&self) -> Instant {
        let patience = match self.phase.load(Relaxed) {
            BUSY => FAR,
            IDLE => self.patience.idle,
            CLOSING => LINGER,
            _ => self.patience.headers,
        };
        let mut deadline = self.at(self.since.load(Relaxed), patience);
        for stalled in &self.stalled {
            deadline = match stalled.load(Relaxed) {
                0 => deadline,
                stalled => deadline.min(self.at(stalled, self.patience.writes)),
            };
        }
        deadline
    }

    /// Whether the deadline has passed.
    pub(super) fn is_over(&self) -> bool {
        self.deadline() <= Instant::now()
    }

    /// A request's head is whole. It is over when the guard is dropped, with the last byte of the response.
    pub(super) fn busy(self: &Arc<Self>) -> Busy {
        self.phase.store(BUSY, Relaxed);
        Busy(self.clone())
    }

    /// The client may still be sending what nobody will read: closing at once would reset the connection, and the
    /// client would lose the answer that says why.
    pub(super) fn linger(&self) {
        self.lingers.store(true, Relaxed);
    }

    fn enter(&self, phase: u8) {
        self.phase.store(phase, Relaxed);
        self.since.store(self.now(), Relaxed);
    }

    fn came(&self) {
        if matches!(self.phase.load(Relaxed), FRESH | IDLE) {
            self.enter(HEAD);
        }
    }

    fn wrote(&self, waits: bool) {
        let [write, _] = &self.stalled;
        self.stalls(write, waits);
    }

    fn flushed(&self, waits: bool) {
        let [_, flush] = &self.stalled;
        self.stalls(flush, waits);
    }

    fn stalls(&self, stalled: &AtomicU64, waits: bool) {
        match (waits, stalled.load(Relaxed)) {
            (true, 0) => stalled.store(self.now().saturating_add(1), Relaxed),
            (false, 1..) => stalled.store(0, Relaxed),
            _ => (),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn at(&self, since: u64, patience: Duration) -> Instant {
        let after = Duration::from_millis(since).saturating_add(patience).min(FAR);
        self.begun.checked_add(after).unwrap_or(self.begun)
    }
}

/// A request on a connection.
pub(super) struct Busy(Arc<Watch>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.enter(IDLE);
    }
}

/// A stream that tells its watch what happens.
pub(super) struct Watched<S> {
    stream: S,
    watch: Arc<Watch>,
    shut: bool,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, watch: Arc<Watch>) -> Self {
        Self { stream, watch, shut: false }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            self.watch.came();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch.wrote(written.is_pending());
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.watch.wrote(written.is_pending());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.watch.flushed(flushed.is_pending());
        flushed
    }

    /// Ends the writing and, where the client may still be sending, reads on for a while and throws it away.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        match this.watch.phase.load(Relaxed) {
            CLOSING => (),
            phase => {
                // A head that was never whole was refused, and there may be more of it.
                if phase == HEAD {
                    this.watch.linger();
                }
                this.watch.enter(CLOSING);
            }
        }
        if !this.shut {
            ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
            this.shut = true;
        }
        if !this.watch.lingers.load(Relaxed) {
            return Poll::Ready(Ok(()));
        }
        // The rest of a batch of reads belongs to other connections.
        for _ in 0..LINGER_READS {
            let mut thrown_away = [0; LINGER_BYTES];
            let mut buffer = ReadBuf::new(&mut thrown_away);
            match ready!(Pin::new(&mut this.stream).poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => (),
                Ok(()) | Err(_) => return Poll::Ready(Ok(())),
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// A client that has its answer, and sends all the same, is left alone after so long.
const LINGER: Duration = Duration::from_secs(2);

const LINGER_READS: usize = 16;

const LINGER_BYTES: usize = 8 * 1024;

/// A timer's reach; nothing here waits longer.
const FAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
