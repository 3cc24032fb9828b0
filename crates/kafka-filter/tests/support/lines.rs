//! Expected lines that follow from what was sent, so that a case shows only what is special.

use std::fmt::Write as _;

/// Connections that were opened and closed.
pub fn connections(count: usize) -> String {
    format!("connections_opened_total {count}\nconnections_closed_total {count}\n")
}

/// Connections that are still open.
pub fn open_connections(count: usize) -> String {
    format!("connections_opened_total {count}\nconnections_active {count}\n")
}

/// Requests of one API and version that were all answered: counted, measured, and each timed.
pub fn exchanges(request: &str, version: i16, asked: &[&[u8]], answered: &[&[u8]]) -> String {
    assert_eq!(asked.len(), answered.len());
    let mut lines = sent(request, version, asked);
    let (count, bytes) = (answered.len(), size(answered));
    writeln!(lines, "responses_total{{request={request}}} {count}").unwrap();
    writeln!(lines, "response_bytes_total{{request={request}}} {bytes}").unwrap();
    writeln!(lines, "request_duration_microseconds{{request={request}}} {count}").unwrap();
    lines
}

/// Requests of one API and version.
pub fn sent(request: &str, version: i16, asked: &[&[u8]]) -> String {
    let (count, bytes) = (asked.len(), size(asked));
    format!(
        "requests_total{{request={request},api_version={version}}} {count}\n\
         request_bytes_total{{request={request}}} {bytes}\n"
    )
}

fn size(frames: &[&[u8]]) -> usize {
    frames.iter().map(|frame| frame.len()).sum()
}
