//! Which host names are answered. A page of a stranger's site could let its name point to the loopback address and so
//! make a browser read the console for it (DNS rebinding); the name in `Host` stays the stranger's.

use std::net::SocketAddr;

use axum::http::{HeaderMap, Uri, header};

/// The names.
#[derive(Debug, Clone)]
pub struct Hosts {
    /// In small letters; `None` is any.
    names: Option<Vec<String>>,
}

impl Hosts {
    /// On a loopback address its own names, elsewhere any; with `allowed` these beside, or alone.
    #[must_use]
    pub fn new(listen: SocketAddr, allowed: &[String]) -> Self {
        let allowed = allowed.iter().map(|name| name.to_ascii_lowercase());
        let mut names: Vec<String> = allowed.collect();
        if listen.ip().is_loopback() {
            names.extend(LOOPBACK.iter().map(|&name| name.to_owned()));
            names.push(bracketed(listen));
        } else if names.is_empty() {
            return Self { names: None };
        }
        Self { names: Some(names) }
    }

    /// Whether a request is for one of them.
    pub(super) fn allow(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let Some(names) = &self.names else { return true };
        let mut hosts = headers.get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
        let Ok(host) = host.to_str() else { return false };
        // An address with a host in the request line overrules the header (RFC 9112 section 3.2.2): both must be right.
        let named = |host: &str| {
            let name = without_port(host).to_ascii_lowercase();
            names.contains(&name)
        };
        named(host) && uri.authority().is_none_or(|authority| named(authority.as_str()))
    }
}

fn bracketed(listen: SocketAddr) -> String {
    match listen {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    }
}

const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(hosts: &Hosts, host: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        hosts.allow(&Uri::from_static("/"), &headers)
    }

    #[test]
    fn a_loopback_address_answers_to_its_own_names() {
        let hosts = Hosts::new("127.0.0.1:8085".parse().unwrap(), &[]);
        for host in
            ["localhost", "localhost:8085", "LocalHost:1", "127.0.0.1:8085", "[::1]:8085", "[::1]"]
        {
            assert!(allowed(&hosts, host), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8085",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "localhost:80@evil.example",
            "",
            "::1",
        ] {
            assert!(!allowed(&hosts, host), "{host}");
        }
    }

    #[test]
    fn a_request_without_a_host_or_with_two_is_for_nobody() {
        let hosts = Hosts::new("127.0.0.1:8085".parse().unwrap(), &[]);
        assert!(!hosts.allow(&Uri::from_static("/"), &HeaderMap::new()));
        let mut two = HeaderMap::new();
        two.append(header::HOST, "localhost".parse().unwrap());
        two.append(header::HOST, "localhost".parse().unwrap());
        assert!(!hosts.allow(&Uri::from_static("/"), &two));
        let mut one = HeaderMap::new();
        one.append(header::HOST, "localhost".parse().unwrap());
        assert!(!hosts.allow(&Uri::from_static("http://evil.example/"), &one));
        assert!(hosts.allow(&Uri::from_static("http://localhost:8085/"), &one));
    }

    #[test]
    fn other_addresses_answer_to_any_name_unless_some_are_given() {
        let listen = "0.0.0.0:8085".parse().unwrap();
        assert!(allowed(&Hosts::new(listen, &[]), "10.1.2.3:8085"));
        let hosts = Hosts::new(listen, &["Console.Example".to_owned()]);
        assert!(allowed(&hosts, "console.example:443"));
        assert!(!allowed(&hosts, "10.1.2.3:8085"));
        assert!(!allowed(&hosts, "localhost"));
    }
}
