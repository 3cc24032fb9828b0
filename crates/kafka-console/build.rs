//! Puts the built pages (`web/dist`) into the program: each file once as it is and once compressed, with its type and
//! a tag of its contents. Without built pages the program still compiles, and says which command builds them.

use std::collections::hash_map::DefaultHasher;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::hash::Hasher as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::{Compression, write::GzEncoder};

fn main() -> Result<(), Box<dyn Error>> {
    let crate_folder = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=web/dist");
    let dist = crate_folder.join("web/dist");
    println!("cargo:rerun-if-env-changed={REQUIRED}");
    let mut files = Vec::new();
    if dist.join("index.html").is_file() {
        walk(&dist, &mut files)?;
    } else if std::env::var_os(REQUIRED).is_some_and(|value| !value.is_empty()) {
        return Err(format!(
            "web/dist has no pages, and {REQUIRED} asks for them: run `make console`"
        )
        .into());
    }
    files.sort();
    let mut code = String::from("pub(super) static FILES: &[File] = &[\n");
    for (number, path) in files.iter().enumerate() {
        code += &entry(&dist, path, &out.join(format!("{number}.gz")))?;
    }
    code += "];\n";
    fs::write(out.join("assets.rs"), code)?;
    Ok(())
}

/// Set where something is built that people get.
const REQUIRED: &str = "KAFKA_CONSOLE_PAGES_REQUIRED";

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// One file as Rust. A path that no browser could ask for, or a type that is not known, is a mistake of the build.
fn entry(dist: &Path, path: &Path, compressed: &Path) -> Result<String, Box<dyn Error>> {
    let contents = fs::read(path)?;
    let name = path.strip_prefix(dist)?.to_str().ok_or("a file name that is no UTF-8")?;
    let content_type = content_type(name)?;
    let mut tag = DefaultHasher::new();
    tag.write(&contents);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&contents)?;
    let gzip = encoder.finish()?;
    let smaller = gzip.len() < contents.len();
    let mut code = String::new();
    write!(
        code,
        "    File {{ path: {:?}, content_type: {content_type:?}, etag: {:?}, immutable: {}, plain: include_bytes!({:?}), ",
        format!("/{name}"),
        format!("\"{:016x}\"", tag.finish()),
        name.starts_with("assets/"),
        path.to_str().ok_or("a path that is no UTF-8")?,
    )?;
    if smaller {
        fs::write(compressed, gzip)?;
        let path = compressed.to_str().ok_or("a path that is no UTF-8")?;
        writeln!(code, "gzip: Some(include_bytes!({path:?})) }},")?;
    } else {
        writeln!(code, "gzip: None }},")?;
    }
    Ok(code)
}

fn content_type(name: &str) -> Result<&'static str, String> {
    match name.rsplit_once('.').map(|(_, end)| end) {
        Some("html") => Ok("text/html; charset=utf-8"),
        Some("js") => Ok("text/javascript; charset=utf-8"),
        Some("css") => Ok("text/css; charset=utf-8"),
        Some("svg") => Ok("image/svg+xml"),
        Some("png") => Ok("image/png"),
        Some("ico") => Ok("image/x-icon"),
        Some("woff2") => Ok("font/woff2"),
        Some("json" | "webmanifest") => Ok("application/json"),
        Some("txt") => Ok("text/plain; charset=utf-8"),
        _ => Err(format!("web/dist/{name}: build.rs does not know the type of such a file")),
    }
}
