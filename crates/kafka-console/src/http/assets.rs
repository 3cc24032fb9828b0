//! The built pages, out of the program itself. Addresses of the front end's own pages all lead to `index.html`; a name
//! below `/assets/` holds a hash of its contents, so it may be kept for ever.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// A file of `web/dist`, put here by `build.rs`.
struct File {
    path: &'static str,
    content_type: &'static str,
    etag: &'static str,
    immutable: bool,
    plain: &'static [u8],
    gzip: Option<&'static [u8]>,
}

mod built {
    use super::File;
    include!(concat!(env!("OUT_DIR"), "/assets.rs"));
}

/// Whether the pages had been built when the program was.
pub const BUILT: bool = !built::FILES.is_empty();

pub(super) fn answer(path: &str, headers: &HeaderMap) -> Response {
    if !BUILT {
        return (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, TEXT)], NOT_BUILT).into_response();
    }
    if let Some(file) = find(path).filter(|file| file.path != INDEX) {
        return send(file, headers);
    }
    match find(INDEX) {
        Some(index) if is_page(path) => send(index, headers),
        _ => (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, TEXT)], "not found\n").into_response(),
    }
}

/// Whether the front end has a page at this address. An old address of an asset is none: HTML in place of a script
/// would only confuse.
fn is_page(path: &str) -> bool {
    let mut parts = path.trim_start_matches('/').split('/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("assets"), ..) | (_, _, Some(_)) => false,
        // A topic may be called `a.js`.
        (_, Some(_), None) => true,
        (first, None, None) => {
            first.is_none_or(|name| !FILE_ENDS.iter().any(|end| name.ends_with(end)))
        }
    }
}

fn find(path: &str) -> Option<&'static File> {
    built::FILES.iter().find(|file| file.path == path)
}

fn send(file: &'static File, headers: &HeaderMap) -> Response {
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let cache = if file.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    let common = [
        (header::ETAG, HeaderValue::from_static(file.etag)),
        (header::CACHE_CONTROL, HeaderValue::from_static(cache)),
        (header::VARY, HeaderValue::from_static("accept-encoding")),
    ];
    if known.is_some_and(|known| names(known, file.etag)) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    let content_type = [(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type))];
    match file.gzip.filter(|_| takes_gzip(headers)) {
        Some(gzip) => {
            (common, content_type, [(header::CONTENT_ENCODING, "gzip")], gzip).into_response()
        }
        None => (common, content_type, file.plain).into_response(),
    }
}

/// A list of tags, some of which may be weak, or a star.
fn names(known: &str, etag: &str) -> bool {
    known.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let listed = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    listed.unwrap_or_default().split(',').any(|coding| {
        let (name, quality) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let refused = matches!(quality.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000");
        matches!(name.trim(), "gzip" | "*") && !refused
    })
}

const INDEX: &str = "/index.html";

const FILE_ENDS: [&str; 8] = [".js", ".css", ".map", ".svg", ".png", ".ico", ".txt", ".html"];

const TEXT: &str = "text/plain; charset=utf-8";

const NOT_BUILT: &str = "The pages were not built when this program was: run `make console`.\n\
    The numbers are there all the same: /api/v1/pages lists them.\n";

#[cfg(test)]
mod tests;
