//! File descriptors: one a connection, and the process begins with few.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit to what so many connections need, as far as the host lets it.
///
/// # Errors
/// The limit stays too low; the text says what works and what to change.
pub fn raise(connections: usize) -> Result<(), String> {
    let needed = u64::try_from(connections).unwrap_or(u64::MAX).saturating_add(OTHERS);
    let limit = getrlimit(Resource::Nofile);
    let enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= needed);
    if enough(limit.current) {
        return Ok(());
    }
    let reached = if enough(limit.maximum) { Some(needed) } else { limit.maximum };
    setrlimit(Resource::Nofile, Rlimit { current: reached, maximum: limit.maximum })
        .map_err(|error| format!("the limit of open files cannot be raised: {error}"))?;
    match reached {
        Some(reached) if reached < needed => Err(format!(
            "the limit of open files is {reached}, and http.connections_max={connections} may need {needed}: raise the \
             limit, or lower http.connections_max"
        )),
        _ => Ok(()),
    }
}

/// Connections to brokers, of each lane; the log's segments; the rest.
const OTHERS: u64 = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_does_not_fit() {
        raise(10).unwrap();
        let before = getrlimit(Resource::Nofile).maximum;
        if let Some(maximum) = before {
            let error = raise(usize::try_from(maximum).unwrap()).unwrap_err();
            assert!(error.contains("http.connections_max="), "{error}");
            assert_eq!(getrlimit(Resource::Nofile).current, Some(maximum));
        }
    }
}
