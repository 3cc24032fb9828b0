//! One series for each HTTP status that the gateway sends, looked up when it is first sent.

use std::sync::OnceLock;

/// Every status that code sends; another one would be counted as `other`.
const CODES: [(u16, &str); 23] = [
    (200, "200"),
    (202, "202"),
    (204, "204"),
    (207, "207"),
    (400, "400"),
    (401, "401"),
    (403, "403"),
    (404, "404"),
    (405, "405"),
    (406, "406"),
    (408, "408"),
    (409, "409"),
    (411, "411"),
    (413, "413"),
    (415, "415"),
    (417, "417"),
    (422, "422"),
    (429, "429"),
    (431, "431"),
    (500, "500"),
    (501, "501"),
    (503, "503"),
    (504, "504"),
];
const OTHER: &str = "other";

/// A series for each status.
pub(super) struct ByCode<T> {
    known: [OnceLock<T>; CODES.len()],
    other: OnceLock<T>,
}

impl<T> ByCode<T> {
    pub(super) const fn new() -> Self {
        Self { known: [const { OnceLock::new() }; CODES.len()], other: OnceLock::new() }
    }

    /// The series of this status, made with its label when it is the first of it.
    pub(super) fn get(&self, status: u16, make: impl FnOnce(&str) -> T) -> &T {
        match self.known.iter().zip(CODES).find(|(_, (code, _))| *code == status) {
            Some((series, (_, label))) => series.get_or_init(|| make(label)),
            None => self.other.get_or_init(|| make(OTHER)),
        }
    }
}
