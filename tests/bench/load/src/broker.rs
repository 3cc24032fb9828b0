//! An in-memory broker of one node: enough Kafka for real producers and consumers without groups.
//!
//! It stands in for a broker where a JVM would hide what a proxy costs. All topics have the same number of
//! partitions; state is bounded by [`store`]; nothing is persisted, and nothing of groups is remembered. Anything it
//! does not know ends the connection with a message.

mod api;
mod groups;
mod store;

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

pub(crate) use store::Store;

/// Largest request: more than a default client ever sends, less than a broker's 100 MiB.
const REQUEST_BYTES: usize = 16 << 20;
/// One read takes what is there, up to this.
const READ_BYTES: usize = 1 << 20;

/// Listens on a loopback port (0 for any free one), says which on stdout, and serves until stdin ends.
///
/// `advertised` is the port that Metadata names, for clients that shall come back through a proxy; `partitions` is
/// how many each topic has.
///
/// # Errors
/// When the port cannot be had.
pub(crate) fn serve(port: u16, advertised: Option<u16>, partitions: usize) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    let own = listener.local_addr()?.port();
    println!("listening on 127.0.0.1:{own}");
    let node = Arc::new(Node { store: Store::new(partitions), port: advertised.unwrap_or(own) });
    thread::spawn(move || accept(&listener, &node));
    // Whoever started the broker holds its stdin: it ends with them, however they end.
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(())
}

/// The one broker of the cluster.
pub(crate) struct Node {
    pub(crate) store: Store,
    /// The port that clients are told to use.
    pub(crate) port: u16,
}

fn accept(listener: &TcpListener, node: &Arc<Node>) {
    for stream in listener.incoming() {
        let node = Arc::clone(node);
        let started = thread::Builder::new().stack_size(256 << 10).spawn(move || {
            let Ok(stream) = stream else { return };
            let peer = stream.peer_addr();
            if let Err(error) = connection(stream, &node) {
                report(peer, &error);
            }
        });
        if let Err(error) = started {
            eprintln!("no thread for a connection: {error}");
        }
    }
}

/// Clients that just go away are no news.
fn report(peer: Result<SocketAddr>, error: &Error) {
    if !matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) {
        eprintln!("connection {peer:?} ended: {error}");
    }
}

/// Answers whatever requests a read brought with one write.
fn connection(mut stream: TcpStream, node: &Node) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut input = Input::default();
    let mut output = Vec::new();
    while input.read(&mut stream)? {
        while let Some(request) = input.frame()? {
            api::answer(node, request, &mut output)?;
        }
        stream.write_all(&output)?;
        output.clear();
    }
    Ok(())
}

/// Bytes read and not yet cut into frames; shared by the broker and the load.
#[derive(Default)]
pub(crate) struct Input {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Input {
    /// Reads once; false at the end of the stream. A rest of a frame at the end is an error.
    pub(crate) fn read(&mut self, stream: &mut TcpStream) -> Result<bool> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        // An idle connection holds a page; one that moves much gets room for a frame or for a large read.
        let room = if self.end < self.buffer.len() { self.buffer.len() } else { self.grown() };
        self.buffer.resize(room, 0);
        let count = stream.read(&mut self.buffer[self.end..])?;
        self.end += count;
        if count == 0 && self.end > 0 {
            return Err(Error::new(ErrorKind::UnexpectedEof, "the stream ends within a frame"));
        }
        Ok(count > 0)
    }

    fn grown(&self) -> usize {
        let next = (self.buffer.len() * 4).max(4096).min(self.buffer.len() + READ_BYTES);
        self.size().map_or(next, |size| next.max(size + 4))
    }

    /// The next whole frame, without its size.
    pub(crate) fn frame(&mut self) -> Result<Option<&[u8]>> {
        let Some(size) = self.size() else { return Ok(None) };
        if !(4..=REQUEST_BYTES).contains(&size) {
            return Err(Error::new(ErrorKind::InvalidData, format!("a frame of {size} bytes")));
        }
        if self.end - self.start < size + 4 {
            return Ok(None);
        }
        let from = self.start + 4;
        self.start = from + size;
        Ok(Some(&self.buffer[from..from + size]))
    }

    fn size(&self) -> Option<usize> {
        let bytes = self.buffer[self.start..self.end].first_chunk::<4>()?;
        Some(u32::from_be_bytes(*bytes) as usize)
    }
}
