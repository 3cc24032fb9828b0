//! Which proxies are scraped: those of the command line, of files that are read anew, and of DNS names that are
//! resolved anew. Never those of a request.
//!
//! A file that cannot be read, or a name that cannot be resolved, leaves the targets that it gave before.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;
use tokio::io::AsyncReadExt as _;

use crate::terms::{DirectSettings, SourceError};

/// One proxy to scrape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// `host:port`, or what its list calls it.
    pub(crate) name: String,
    /// Where its metrics are.
    pub(crate) url: Url,
}

/// All proxies at one time, by their URL, and what is wrong with their lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    pub(crate) targets: Vec<Target>,
    pub(crate) problems: Vec<String>,
}

/// What gives targets.
#[derive(Debug)]
pub(crate) struct Targets {
    fixed: Vec<Target>,
    path: String,
    files: Vec<PathBuf>,
    names: Vec<String>,
    /// What a file or a name gave last.
    last: HashMap<String, Vec<Target>>,
}

/// A group of targets, as `file_sd_configs` has it.
#[derive(Debug, Deserialize)]
struct Group {
    targets: Vec<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

/// Proxies that one console scrapes. A mesh of more belongs in a Prometheus.
pub(crate) const TARGETS_MAX: usize = 1000;
const FILE_BYTES_MAX: u64 = 4 << 20;
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(3);

impl Targets {
    /// # Errors
    /// An address that is none, or nothing at all to scrape.
    pub(crate) fn new(settings: &DirectSettings) -> Result<Self, SourceError> {
        let path = settings.path.clone();
        let fixed: Result<Vec<Target>, String> =
            settings.proxies.iter().map(|text| target(text, "http", &path, None)).collect();
        let fixed = fixed.map_err(|message| SourceError {
            message,
            remedy: "give each --proxy as http://name.example:port, host:port, or a whole URL"
                .to_owned(),
        })?;
        if let Some(name) = settings.proxies_dns.iter().find(|name| !name.contains(':')) {
            return Err(SourceError {
                message: format!("the name {name} has no port"),
                remedy: "give --proxies-dns as name:port".to_owned(),
            });
        }
        let (files, names) = (settings.proxies_files.clone(), settings.proxies_dns.clone());
        if fixed.is_empty() && files.is_empty() && names.is_empty() {
            return Err(SourceError {
                message: "there is nothing to scrape".to_owned(),
                remedy: "give --proxy, --proxies-file, --proxies-dns, or --prometheus".to_owned(),
            });
        }
        Ok(Self { fixed, path, files, names, last: HashMap::new() })
    }

    /// The targets now.
    pub(crate) async fn list(&mut self) -> Listing {
        let mut found = Listing { targets: self.fixed.clone(), problems: Vec::new() };
        for path in self.files.clone() {
            let read = read_file(&path, &self.path).await;
            self.join(&mut found, path.display().to_string(), read);
        }
        for name in self.names.clone() {
            let resolved = resolve(&name, &self.path).await;
            self.join(&mut found, name, resolved);
        }
        tidy(&mut found);
        found
    }

    fn join(&mut self, found: &mut Listing, from: String, read: Result<Vec<Target>, String>) {
        match read {
            Ok(targets) => {
                self.last.insert(from.clone(), targets);
            }
            Err(problem) => found.problems.push(format!("{from}: {problem}")),
        }
        found.targets.extend(self.last.get(&from).into_iter().flatten().cloned());
    }
}

/// Each URL once, each name once, and no more than there may be.
fn tidy(found: &mut Listing) {
    found.targets.sort_by(|a, b| a.url.cmp(&b.url));
    found.targets.dedup_by(|a, b| a.url == b.url);
    let mut names: HashMap<String, usize> = HashMap::new();
    for target in &found.targets {
        *names.entry(target.name.clone()).or_default() += 1;
    }
    for target in &mut found.targets {
        if names.get(&target.name).is_some_and(|count| *count > 1) {
            target.name = format!("{}{}", authority(&target.url), target.url.path());
        }
    }
    let over = found.targets.len().saturating_sub(TARGETS_MAX);
    if over > 0 {
        found.targets.truncate(TARGETS_MAX);
        found.problems.push(format!(
            "{over} targets are left out: this console scrapes {TARGETS_MAX}, a Prometheus more"
        ));
    }
}

/// `host:port`, or a URL; one without a path gets `path`.
fn target(text: &str, scheme: &str, path: &str, name: Option<&str>) -> Result<Target, String> {
    let whole = if text.contains("://") { text.to_owned() } else { format!("{scheme}://{text}") };
    let mut url = Url::parse(&whole).map_err(|error| format!("{text} is no URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(format!("{text} is no address of HTTP"));
    }
    if url.path() == "/" && url.query().is_none() {
        let (path, query) = path.split_once('?').map_or((path, None), |(p, q)| (p, Some(q)));
        url.set_path(path);
        url.set_query(query);
    }
    url.set_fragment(None);
    let name = name.map_or_else(|| authority(&url), str::to_owned);
    Ok(Target { name, url })
}

fn authority(url: &Url) -> String {
    let port = url.port_or_known_default().unwrap_or(80);
    format!("{}:{port}", url.host_str().unwrap_or_default())
}

async fn read_file(path: &Path, default_path: &str) -> Result<Vec<Target>, String> {
    let mut text = String::new();
    let file =
        tokio::fs::File::open(path).await.map_err(|error| format!("cannot be read: {error}"))?;
    let read = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).await;
    let length = read.map_err(|error| format!("cannot be read: {error}"))?;
    if u64::try_from(length).is_ok_and(|length| length > FILE_BYTES_MAX) {
        return Err(format!("is longer than {FILE_BYTES_MAX} bytes"));
    }
    parse(&text, path.extension().is_some_and(|extension| extension == "json"), default_path)
}

/// A list as `file_sd_configs` reads it. One of no targets is written `[]`: a file that is empty, or ends in the middle, is
/// being written.
fn parse(text: &str, json: bool, default_path: &str) -> Result<Vec<Target>, String> {
    let groups: Option<Vec<Group>> = if json {
        serde_json::from_str(text).map_err(|error| error.to_string())?
    } else {
        serde_saphyr::from_str(text).map_err(|error| error.to_string())?
    };
    let groups = groups.ok_or("is empty; a list of no targets is []")?;
    let mut targets = Vec::new();
    for Group { targets: texts, labels } in groups {
        let label = |name: &str| labels.get(name).map(String::as_str);
        let scheme = label("__scheme__").unwrap_or("http");
        let path = label("__metrics_path__").unwrap_or(default_path);
        // One name for several would say nothing.
        let name = label("instance").filter(|_| texts.len() == 1);
        for text in &texts {
            targets.push(target(text, scheme, path, name)?);
        }
    }
    Ok(targets)
}

async fn resolve(name: &str, path: &str) -> Result<Vec<Target>, String> {
    let lookup = tokio::time::timeout(RESOLVE_TIMEOUT, tokio::net::lookup_host(name));
    let found = match lookup.await {
        Ok(Ok(addresses)) => addresses,
        Ok(Err(error)) => return Err(format!("cannot be resolved: {error}")),
        Err(_) => return Err("is not resolved in time".to_owned()),
    };
    found.map(|address| target(&address.to_string(), "http", path, None)).collect()
}

#[cfg(test)]
mod tests;
