//! From what the operating system or the peer's bytes show to what an operator can do about it.

use std::io;

use super::Shared;
use super::error::{Failure, WireError};
use super::frame::{FRAME_BYTES_MAX, ReadError};

/// A TCP connection that was not made.
pub(super) fn unconnected(address: &str, error: &io::Error) -> WireError {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            WireError::new(Failure::Refused, address, "nobody listens on this port")
                .remedy("the broker is stopped, or the address is not a listener's")
        }
        io::ErrorKind::TimedOut => WireError::new(Failure::Timeout, address, "no answer to TCP")
            .remedy("the host is down, or a firewall drops the packets"),
        _ => WireError::new(Failure::Unreachable, address, format!("cannot connect: {error}")),
    }
}

/// A request that got no frame for an answer. `trusted`: the broker has served this connection before, or logged it in.
pub(super) fn unanswered(
    shared: &Shared,
    address: &str,
    request: &str,
    trusted: bool,
    error: ReadError,
) -> WireError {
    match error {
        ReadError::Io(error) => io_failed(shared, address, request, trusted, &error),
        ReadError::Closed(0) if !trusted => closed(address, request).remedy(stranger(shared)),
        ReadError::Closed(0) => closed(address, request),
        ReadError::Closed(read) => {
            let what = format!(
                "the broker closed the connection {read} bytes into the response to {request}"
            );
            WireError::new(Failure::Closed, address, what)
        }
        ReadError::Size(start) => not_a_frame(address, request, start),
    }
}

fn closed(address: &str, request: &str) -> WireError {
    let what = format!("the broker closed the connection instead of answering {request}");
    WireError::new(Failure::Closed, address, what)
}

/// Why a broker ends the connection of a client that it has not served yet.
fn stranger(shared: &Shared) -> &'static str {
    if shared.tls.is_some() {
        "a listener that refuses the client's certificate, or misses one, or wants SASL does that: check TLS_CLIENT_CERT and SASL_MECHANISM"
    } else {
        "a listener with SASL or TLS does that to clients without: check SASL_MECHANISM and TLS_ENABLED"
    }
}

fn io_failed(
    shared: &Shared,
    address: &str,
    request: &str,
    trusted: bool,
    error: &io::Error,
) -> WireError {
    // With TLS 1.3 a refused client certificate shows only when the first answer is read.
    let tls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<openssl::ssl::Error>())
        .zip(shared.tls.as_ref())
        .and_then(|(error, tls)| tls.explain_alert(error, address));
    tls.unwrap_or_else(|| {
        let what = format!("the connection broke before {request} was answered: {error}");
        let error = WireError::new(Failure::Closed, address, what);
        if trusted { error } else { error.remedy(stranger(shared)) }
    })
}

/// What four bytes are that are no size.
fn not_a_frame(address: &str, request: &str, start: [u8; 4]) -> WireError {
    match start {
        // An alert or a handshake record of TLS, whatever version it says.
        [0x15 | 0x16, 3, ..] => {
            WireError::new(Failure::Tls, address, "the broker speaks TLS on this port")
                .remedy("set TLS_ENABLED=true, or use the port of a plaintext listener")
        }
        [b'H', b'T', b'T', b'P'] => {
            WireError::new(Failure::Protocol, address, "an HTTP server answers on this port")
                .remedy("use the port of a Kafka listener")
        }
        _ => {
            let size = i32::from_be_bytes(start);
            let what = format!(
                "the response to {request} says that it has {size} bytes; {FRAME_BYTES_MAX} is the limit"
            );
            WireError::new(Failure::Protocol, address, what).remedy("is it a Kafka listener?")
        }
    }
}
