//! An HTTP server that answers as a test wants: a thread for each connection, and no library in between.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the server answers.
pub(crate) enum Answer {
    /// 200 with this text.
    Text(String),
    /// These bytes, then the connection is closed.
    Raw(Vec<u8>),
    /// Nothing at all, for as long as the server lives.
    Never,
    /// 200 and the begin of a text, then nothing for as long as the server lives.
    Stall(String),
}

/// Stops when dropped.
pub(crate) struct Fake {
    /// `127.0.0.1:PORT`
    pub(crate) address: String,
    heads: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
}

impl Fake {
    /// Answers each request with what `answer` makes of its head.
    pub(crate) fn start(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (heads, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (seen, stopped, answer) = (Arc::clone(&heads), Arc::clone(&stop), Arc::new(answer));
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(connection) = connection else { continue };
                let (seen, stopped, answer) =
                    (Arc::clone(&seen), Arc::clone(&stopped), Arc::clone(&answer));
                std::thread::spawn(move || serve(connection, &seen, &stopped, &*answer));
            }
        });
        Self { address, heads, stop }
    }

    /// The heads of all requests so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // The listener's thread wakes up and ends.
        let _woken = TcpStream::connect(&self.address);
    }
}

fn serve(
    mut connection: TcpStream,
    seen: &Mutex<Vec<String>>,
    stopped: &AtomicBool,
    answer: &dyn Fn(&str) -> Answer,
) {
    while let Some(head) = head(&mut connection) {
        if stopped.load(Ordering::Relaxed) {
            return;
        }
        seen.lock().unwrap().push(head.clone());
        let sent = match answer(&head) {
            Answer::Text(text) => {
                let length = text.len();
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
                connection.write_all(&[head.as_bytes(), text.as_bytes()].concat())
            }
            Answer::Raw(bytes) => {
                let _sent = connection.write_all(&bytes);
                return;
            }
            Answer::Never => return wait_for(stopped),
            Answer::Stall(text) => {
                let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n";
                let _sent = connection.write_all(&[head.as_bytes(), text.as_bytes()].concat());
                return wait_for(stopped);
            }
        };
        if sent.is_err() {
            return;
        }
    }
}

fn wait_for(stopped: &AtomicBool) {
    while !stopped.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn head(connection: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0_u8; 1];
    while !head.ends_with(b"\r\n\r\n") {
        if connection.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.extend_from_slice(&byte);
    }
    String::from_utf8(head).ok()
}
