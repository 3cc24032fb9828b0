//! The file and the environment, together.

use std::ffi::OsString;
use std::path::Path;

use super::problem::{Problem, Problems};
use super::raw::{self, Node};
use super::{Settings, checked, environment};

/// Reads the file, if one is given, puts the environment over it, and checks everything that can be known without
/// another file than those with secrets, and without the cluster.
///
/// # Errors
/// All that is wrong, at once.
pub fn load(
    path: Option<&Path>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Settings, Problems> {
    let environment: Vec<(OsString, OsString)> = environment.into_iter().collect();
    let mut tree = match path {
        None => Node::empty(),
        Some(path) => read(path)?,
    };
    let mut problems: Vec<Problem> = Vec::new();
    environment::overlay(&mut tree, &environment, &mut problems);
    checked::check(&tree, &environment, problems)
}

fn read(path: &Path) -> Result<Node, Problems> {
    let wrong = |why: String| Problems::of(path.display().to_string(), why);
    let suffix = path.extension().and_then(|suffix| suffix.to_str()).unwrap_or_default();
    if let Some(convert) = conversion(&suffix.to_ascii_lowercase()) {
        return Err(wrong(format!(
            "is not read: the file is YAML, of which JSON is a part; convert it once, {convert}"
        )));
    }
    let text = std::fs::read(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let text =
        String::from_utf8(text).map_err(|_| wrong("is not UTF-8; write it in UTF-8".to_owned()))?;
    raw::parse(&text).map_err(wrong)
}

/// How to come from what else kprf read to JSON.
fn conversion(suffix: &str) -> Option<&'static str> {
    match suffix {
        "toml" => Some(
            "for example with python3 -c 'import json,sys,tomllib; json.dump(tomllib.load(sys.stdin.buffer), \
             sys.stdout)' < old.toml > new.json",
        ),
        "ini" => Some("its sections are the mappings: [http] port=4242 is http: {port: 4242}"),
        "hjson" => Some("for example with hjson -j old.hjson > new.json"),
        _ => None,
    }
}
