//! What a process is told from outside.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Ways to be told to end.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    pub(super) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// The way to be told that files were changed.
pub(super) fn changed() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}
