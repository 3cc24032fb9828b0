//! What the program is told, by flags and by environment variables of the same meaning. Whatever is impossible is
//! refused at the start, all of it at once, with what to write instead. No target is ever taken from anywhere else.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::ArgMatches;
use ipnet::IpNet;

use crate::terms::{DirectSettings, PrometheusSettings, SCRAPE_INTERVALS};

pub mod flags;

/// Everything, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Where pages are served.
    pub listen: SocketAddr,
    /// Where numbers come from.
    pub source: SourceSettings,
    /// Who may read.
    pub access: AccessSettings,
    /// Names in `Host` that are answered beside the loopback's.
    pub allowed_hosts: Vec<String>,
    /// What is logged.
    pub logs: LogSettings,
}

/// One of the two sources.
#[derive(Debug, Clone, PartialEq)]
pub enum SourceSettings {
    /// Envoy's admin listeners are scraped.
    Direct(DirectSettings),
    /// Prometheus is asked.
    Prometheus {
        /// Which, and how.
        settings: PrometheusSettings,
        /// Where people's browsers reach it.
        public_url: Option<String>,
    },
}

/// Who may read. Without any of it everybody who reaches the address.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AccessSettings {
    /// A file with the token that people need.
    pub token_file: Option<PathBuf>,
    /// The header in which a proxy in front tells who it is, and the proxies that are believed.
    pub trusted: Option<Trusted>,
}

/// A proxy in front that knows who people are.
#[derive(Debug, Clone, PartialEq)]
pub struct Trusted {
    /// In small letters.
    pub header: String,
    /// Only from these addresses.
    pub networks: Vec<IpNet>,
}

/// What is logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// A level, or levels by module.
    pub filter: String,
    /// An object a line instead of text.
    pub json: bool,
}

/// Everything that is impossible, one line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<String>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl Settings {
    /// Checks what was given.
    ///
    /// # Errors
    /// All that is impossible.
    pub fn from_matches(matches: &ArgMatches) -> Result<Self, Problems> {
        let given = Given { matches, problems: Vec::new() };
        given.settings()
    }
}

/// A length of time as `500ms`, `10s`, `5m`, `1h`, `7d`.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    let at = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (digits, unit) = text.split_at_checked(at)?;
    let number: u64 = digits.parse().ok()?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(milliseconds).map(Duration::from_millis)
}

struct Given<'a> {
    matches: &'a ArgMatches,
    problems: Vec<String>,
}

impl Given<'_> {
    fn settings(mut self) -> Result<Settings, Problems> {
        let listen = self.listen();
        let source = self.source();
        let access = self.access();
        let allowed_hosts = self.words("allowed-host");
        for host in &allowed_hosts {
            if host.contains(['/', ':']) {
                self.problem(format!("--allowed-host {host}: write the name alone, without port"));
            }
        }
        let logs = LogSettings {
            filter: self.word("log-level").unwrap_or_default(),
            json: self.word("log-format").as_deref() == Some("json"),
        };
        if let Err(error) = kafka_operations::logs::filter(&logs.filter) {
            self.problem(format!("--log-level: {error}"));
        }
        match (listen, source) {
            (Some(listen), Some(source)) if self.problems.is_empty() => {
                Ok(Settings { listen, source, access, allowed_hosts, logs })
            }
            _ => Err(Problems(self.problems)),
        }
    }

    fn listen(&mut self) -> Option<SocketAddr> {
        let text = self.word("listen").unwrap_or_default();
        let numeric = text.replacen("localhost:", "127.0.0.1:", 1);
        let numeric = if numeric.starts_with(':') { format!("0.0.0.0{numeric}") } else { numeric };
        let address = numeric.parse().ok();
        if address.is_none() {
            self.problem(format!(
                "--listen {text}: write an address and a port, as 127.0.0.1:8085 or 0.0.0.0:8085"
            ));
        }
        address
    }

    fn source(&mut self) -> Option<SourceSettings> {
        let (proxies, file, dns) =
            (self.words("proxy"), self.path("proxies-file"), self.words("proxies-dns"));
        let direct = !proxies.is_empty() || file.is_some() || !dns.is_empty();
        let interval = self.interval();
        match (direct, self.word("prometheus")) {
            (true, Some(_)) => {
                self.problem(
                    "--prometheus and --proxy, --proxies-file or --proxies-dns exclude each other: choose one source",
                );
                None
            }
            (false, None) => {
                self.problem(
                    "say where the metrics are: --proxy http://127.0.0.1:9901 (Envoy's admin address, as often as \
                     there are proxies), --proxies-file, --proxies-dns, or --prometheus http://127.0.0.1:9090",
                );
                None
            }
            (true, None) => {
                for flag in ["prometheus-token-file", "prometheus-url-public"] {
                    if self.word(flag).is_some() {
                        self.problem(format!(
                            "--{flag} needs --prometheus: with --proxy, --proxies-file or --proxies-dns no Prometheus \
                             is asked; leave it out, or name the Prometheus instead of the proxies"
                        ));
                    }
                }
                let path = self.word("proxies-path").unwrap_or_default();
                if !path.starts_with('/') {
                    self.problem(format!("--proxies-path {path}: begin with a slash"));
                }
                for name in &dns {
                    let port = name.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
                    if !matches!(port, Some(Ok(_))) {
                        self.problem(format!("--proxies-dns {name}: write a name and a port"));
                    }
                }
                for proxy in &proxies {
                    self.http("proxy", proxy);
                }
                Some(SourceSettings::Direct(DirectSettings {
                    proxies,
                    proxies_files: file.into_iter().collect(),
                    proxies_dns: dns,
                    path,
                    scrape_interval: interval,
                    scrape_timeout: interval.min(SCRAPE_TIMEOUT_MAX),
                    history: HISTORY,
                }))
            }
            (false, Some(url)) => {
                self.http("prometheus", &url);
                let public_url = self.word("prometheus-url-public");
                if let Some(public) = &public_url {
                    self.http("prometheus-url-public", public);
                }
                let settings = PrometheusSettings {
                    url,
                    bearer_token_file: self.path("prometheus-token-file"),
                    tick: interval,
                    timeout: QUERY_TIMEOUT,
                    concurrency_max: QUERIES_MAX,
                };
                Some(SourceSettings::Prometheus { settings, public_url })
            }
        }
    }

    fn interval(&mut self) -> Duration {
        let text = self.word("scrape-interval").unwrap_or_default();
        let interval = duration(&text).filter(|interval| SCRAPE_INTERVALS.contains(interval));
        if interval.is_none() {
            self.problem(format!(
                "--scrape-interval {text}: write a time from 500ms to 60s, as 500ms or 10s"
            ));
        }
        interval.unwrap_or(*SCRAPE_INTERVALS.end())
    }

    fn access(&mut self) -> AccessSettings {
        let networks = self.words("trusted-proxy");
        let mut checked = Vec::new();
        for text in &networks {
            match network(text) {
                Some(network) => checked.push(network),
                None => self.problem(format!(
                    "--trusted-proxy {text}: write an address or a network, as 10.0.0.0/8"
                )),
            }
        }
        let trusted = match (self.word("trusted-header"), networks.is_empty()) {
            (None, true) => None,
            (Some(header), false) => {
                let header = header.to_ascii_lowercase();
                if axum::http::HeaderName::try_from(header.as_str()).is_err() {
                    self.problem(format!("--trusted-header {header}: that is no header's name"));
                }
                Some(Trusted { header, networks: checked })
            }
            (Some(_), true) => {
                self.problem(
                    "--trusted-header needs --trusted-proxy: the addresses of the proxies that are believed; \
                     anybody else could send the header too",
                );
                None
            }
            (None, false) => {
                self.problem(
                    "--trusted-proxy needs --trusted-header: where it tells who somebody is",
                );
                None
            }
        };
        AccessSettings { token_file: self.path("token-file"), trusted }
    }

    fn http(&mut self, flag: &str, url: &str) {
        let good = axum::http::Uri::try_from(url).is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some_and(|host| !host.is_empty())
                && uri.query().is_none()
                && !uri.authority().is_some_and(|authority| authority.as_str().contains('@'))
        });
        if !good {
            self.problem(format!(
                "--{flag} {url}: write an address as http://127.0.0.1:9901, without user and query"
            ));
        }
    }

    fn problem(&mut self, text: impl Into<String>) {
        self.problems.push(text.into());
    }

    fn word(&self, name: &str) -> Option<String> {
        self.matches.get_one::<String>(name).filter(|value| !value.is_empty()).cloned()
    }

    fn words(&self, name: &str) -> Vec<String> {
        let values = self.matches.get_many::<String>(name).into_iter().flatten();
        values.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty()).collect()
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.word(name).map(PathBuf::from)
    }
}

fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// A proxy that answers later than this has nothing new to tell.
const SCRAPE_TIMEOUT_MAX: Duration = Duration::from_secs(10);

/// What the direct source remembers.
const HISTORY: Duration = Duration::from_secs(60 * 60);

/// Nobody waits longer for a page.
const QUERY_TIMEOUT: Duration = Duration::from_secs(20);

/// A page asks about thirty queries; more at once would only press others' aside in Prometheus.
const QUERIES_MAX: usize = 8;

#[cfg(test)]
mod tests;
