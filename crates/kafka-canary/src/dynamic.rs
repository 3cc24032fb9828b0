//! `DYNAMIC_CONFIG_FILE`: log settings that are followed while the canary runs. The file is read again each interval,
//! by its path, so that the symbolic links of a Kubernetes ConfigMap are followed to what they point to now. What
//! cannot be read or makes no sense changes nothing and is logged once; a file that is gone brings the settings of the
//! start back.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::AsyncReadExt;
use tokio_util::sync::CancellationToken;

use crate::logs::{Level, Logs};
use crate::settings::Operation;

/// The file's keys; each may be absent, then the setting of the start holds.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    sarama_log_enabled: Option<bool>,
    verbosity_log_level: Option<u8>,
}

/// Follows the file until the stop.
pub async fn run(operation: Operation, logs: Logs, stop: CancellationToken) {
    let Some(path) =
        operation.dynamic_file.as_deref().filter(|_| operation.dynamic_interval > Duration::ZERO)
    else {
        stop.cancelled().await;
        return;
    };
    let start = Level { verbosity: operation.verbosity, client_log: operation.client_log };
    let mut seen = Seen::Nothing;
    loop {
        let now = look(path).await;
        if now != seen {
            apply(path, &now, start, &logs, seen == Seen::Nothing);
            seen = now;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(operation.dynamic_interval) => (),
        }
    }
}

/// What the path led to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Nothing,
    Absent,
    Unreadable(String),
    Text(String),
}

async fn look(path: &Path) -> Seen {
    match read(path).await {
        Ok(text) => Seen::Text(text),
        Err(error) if error.kind() == ErrorKind::NotFound => Seen::Absent,
        Err(error) => Seen::Unreadable(error.to_string()),
    }
}

async fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let file = tokio::fs::File::open(path).await?;
    file.take(BYTES_MAX + 1).read_to_string(&mut text).await?;
    if u64::try_from(text.len()).is_ok_and(|bytes| bytes > BYTES_MAX) {
        return Err(std::io::Error::new(
            ErrorKind::FileTooLarge,
            format!("more than {BYTES_MAX} bytes"),
        ));
    }
    Ok(text)
}

fn apply(path: &Path, seen: &Seen, start: Level, logs: &Logs, first: bool) {
    match seen {
        Seen::Nothing => (),
        Seen::Absent if first => {
            tracing::info!(path = %path.display(), "DYNAMIC_CONFIG_FILE is not there yet; it is looked for again");
        }
        Seen::Absent => {
            tracing::info!(path = %path.display(), "DYNAMIC_CONFIG_FILE is gone; the settings of the start hold again");
            logs.set(start);
        }
        Seen::Unreadable(error) => {
            tracing::error!(path = %path.display(), error, "DYNAMIC_CONFIG_FILE cannot be read; nothing changes");
        }
        Seen::Text(text) => match level(text, start) {
            Ok(level) => logs.set(level),
            Err(error) => tracing::error!(
                path = %path.display(),
                error,
                r#"DYNAMIC_CONFIG_FILE makes no sense; nothing changes. Write {{"saramaLogEnabled": false, "verbosityLogLevel": 0}}"#
            ),
        },
    }
}

/// The level that a file asks for. The error says line and column.
fn level(text: &str, start: Level) -> Result<Level, String> {
    let file: File = serde_json::from_str(text).map_err(|error| error.to_string())?;
    Ok(Level {
        verbosity: file.verbosity_log_level.map_or(start.verbosity, |level| level.min(2)),
        client_log: file.sarama_log_enabled.unwrap_or(start.client_log),
    })
}

/// Many times what the two keys take.
const BYTES_MAX: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const START: Level = Level { verbosity: 1, client_log: false };

    #[test]
    fn each_key_is_taken_and_an_absent_one_is_as_at_the_start() {
        let cases = [
            (r#"{"saramaLogEnabled": true, "verbosityLogLevel": 2}"#, 2, true),
            (r#"{"saramaLogEnabled": true}"#, 1, true),
            (r#"{"verbosityLogLevel": 0}"#, 0, false),
            (r#"{"verbosityLogLevel": 9}"#, 2, false),
            ("{}", 1, false),
        ];
        for (text, verbosity, client_log) in cases {
            assert_eq!(level(text, START), Ok(Level { verbosity, client_log }), "{text}");
        }
    }

    #[test]
    fn what_makes_no_sense_says_where() {
        for (text, place) in [
            ("", "line 1 column 0"),
            ("{\n\"verbosityLogLevel\": \"high\"}", "line 2 column 27"),
            (r#"{"verbosityLogLevel": -1}"#, "line 1 column 24"),
            (r#"{"logLevel": 1}"#, "unknown field `logLevel`"),
        ] {
            let error = level(text, START).unwrap_err();
            assert!(error.contains(place), "{text}: {error}");
        }
    }

    #[tokio::test]
    async fn links_as_kubernetes_makes_them_are_followed_to_the_new_file() {
        let folder =
            std::env::temp_dir().join(format!("kafka-canary-dynamic-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        for (version, text) in [("one", "1"), ("two", "2")] {
            std::fs::create_dir_all(folder.join(version)).unwrap();
            std::fs::write(folder.join(version).join("config.json"), text).unwrap();
        }
        let path = folder.join("config.json");
        assert_eq!(look(&path).await, Seen::Absent);
        std::os::unix::fs::symlink("one", folder.join("..data")).unwrap();
        std::os::unix::fs::symlink("..data/config.json", &path).unwrap();
        assert_eq!(look(&path).await, Seen::Text("1".to_owned()));
        std::os::unix::fs::symlink("two", folder.join("..data_new")).unwrap();
        std::fs::rename(folder.join("..data_new"), folder.join("..data")).unwrap();
        assert_eq!(look(&path).await, Seen::Text("2".to_owned()));
        std::fs::write(&path, "x".repeat(70_000)).unwrap();
        assert!(matches!(look(&path).await, Seen::Unreadable(_)));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
