//! A client that writes bytes and reads responses, one by one.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than anything that a test makes a server wait for.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

pub(crate) struct Client {
    pub(crate) stream: Box<dyn Stream>,
    read: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap())
    }

    pub(crate) fn over(stream: impl Stream + 'static) -> Self {
        Self { stream: Box::new(stream), read: Vec::new() }
    }

    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Sends a head, whose lines are parted by `|`, and a body.
    pub(crate) async fn send(&mut self, head: &str, body: &str) {
        let mut lines = head.split('|');
        let first = lines.next().unwrap();
        let rest: String = lines.map(|line| format!("{line}\r\n")).collect();
        let length = match body.is_empty() {
            true => String::new(),
            false => format!("Content-Length: {}\r\n", body.len()),
        };
        self.write(format!("{first} HTTP/1.1\r\nHost: x\r\n{rest}{length}\r\n{body}")).await;
    }

    pub(crate) async fn ask(&mut self, head: &str, body: &str) -> Answer {
        self.send(head, body).await;
        self.answer_to(head.starts_with("HEAD")).await
    }

    pub(crate) async fn answer(&mut self) -> Answer {
        self.answer_to(false).await
    }

    async fn answer_to(&mut self, head_only: bool) -> Answer {
        let head = self.until(b"\r\n\r\n").await;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer { status, head, body: String::new() };
        if head_only || matches!(status, 100 | 204) {
            return answer;
        }
        if answer.header("transfer-encoding").is_some() {
            while let Some(chunk) = self.chunk().await {
                answer.body.push_str(&chunk);
            }
        } else {
            let length = answer.header("content-length").unwrap().parse().unwrap();
            while self.read.len() < length {
                assert!(self.more().await, "cut off: {answer:?}");
            }
            let body: Vec<u8> = self.read.drain(..length).collect();
            answer.body = String::from_utf8(body).unwrap();
        }
        answer
    }

    /// The next chunk of a chunked response; `None` is the last.
    pub(crate) async fn chunk(&mut self) -> Option<String> {
        let size = usize::from_str_radix(self.until(b"\r\n").await.trim(), 16).unwrap();
        while self.read.len() < size + 2 {
            assert!(self.more().await, "cut off within a chunk");
        }
        let chunk: Vec<u8> = self.read.drain(..size + 2).take(size).collect();
        (size > 0).then(|| String::from_utf8(chunk).unwrap())
    }

    pub(crate) async fn until(&mut self, end: &[u8]) -> String {
        loop {
            if let Some(at) = self.read.windows(end.len()).position(|window| window == end) {
                let text: Vec<u8> = self.read.drain(..at + end.len()).collect();
                return String::from_utf8(text).unwrap();
            }
            let so_far = String::from_utf8_lossy(&self.read).into_owned();
            assert!(self.more().await, "cut off after {so_far:?}");
        }
    }

    async fn more(&mut self) -> bool {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.read)).await;
        read.expect("the server answers in time").is_ok_and(|bytes| bytes > 0)
    }

    /// Waits for the server to close, and returns what came before.
    pub(crate) async fn closed(mut self) -> String {
        while self.more().await {}
        String::from_utf8(self.read).unwrap()
    }
}
