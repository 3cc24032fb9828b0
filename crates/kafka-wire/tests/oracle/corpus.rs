//! What the Java oracle printed, run once for each pinned release.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use kafka_wire::schema::{self, Direction};

/// Random fillings of each version of each message.
const FILLINGS: usize = 6;
/// Any number; a failure can be repeated as long as it stays.
const SEED: &str = "20251122";

/// Fields that the newest release calls otherwise than an older one, in versions that both have:
/// API key, older name, newer name.
const RENAMED: [(i16, &str, &str); 5] = [
    (52, "candidateepoch", "replicaepoch"),
    (52, "candidateid", "replicaid"),
    (52, "candidatedirectoryid", "replicadirectoryid"),
    (74, "clientmetricsresources", "configresources"),
    (74, "name", "resourcename"),
];

/// Versions whose layout the newest release changed after an older one had tried it out
/// (`latestVersionUnstable`); the tables have the newer layout. UPSTREAM.md lists them too.
const CHANGED: [(i16, i16, Direction); 1] = [(87, 0, Direction::Response)];

/// Everything that Kafka's classes said.
pub(crate) struct Corpus {
    pub(crate) samples: Vec<Sample>,
    /// Error codes of the newest release.
    pub(crate) errors: Vec<(i16, String)>,
}

/// One frame, and what is in it.
pub(crate) struct Sample {
    release: &'static str,
    pub(crate) direction: Direction,
    pub(crate) key: i16,
    pub(crate) version: i16,
    /// Which filling of its version this is.
    pub(crate) filling: usize,
    pub(crate) correlation_id: i32,
    /// Client id as text of the oracle, `-` where there is none.
    pub(crate) client_id: String,
    pub(crate) frame: Vec<u8>,
    /// Fields in wire order, as `name=value`.
    pub(crate) fields: Vec<String>,
}

/// The corpus, made on first use.
pub(crate) fn corpus() -> &'static Corpus {
    static CORPUS: OnceLock<Corpus> = OnceLock::new();
    CORPUS.get_or_init(|| {
        let mut corpus = Corpus { samples: Vec::new(), errors: Vec::new() };
        for (index, release) in schema::releases().iter().enumerate() {
            corpus.add(release, index == 0, &run(release));
        }
        corpus
    })
}

impl Corpus {
    fn add(&mut self, release: &'static str, newest: bool, output: &str) {
        let mut messages = 0;
        for line in output.lines() {
            match line.split_once('\t') {
                Some(("E", error)) if newest => {
                    let (code, name) = error.split_once('\t').unwrap();
                    self.errors.push((code.parse().unwrap(), name.to_owned()));
                }
                Some(("M", message)) => {
                    let mut sample = Sample::parse(release, messages % FILLINGS, message);
                    messages += 1;
                    if newest || sample.is_in_newest_words() {
                        self.samples.push(sample);
                    }
                }
                _ => {}
            }
        }
    }
}

impl Sample {
    /// Gives the fields of an older release their newest names; false where they differ in more.
    fn is_in_newest_words(&mut self) -> bool {
        for field in &mut self.fields {
            let (name, value) = field.split_once('=').unwrap();
            if let Some((.., new)) =
                RENAMED.iter().find(|(key, old, _)| *key == self.key && *old == name)
            {
                *field = format!("{new}={value}");
            }
        }
        !CHANGED.contains(&(self.key, self.version, self.direction))
    }

    fn parse(release: &'static str, filling: usize, line: &str) -> Self {
        let mut parts = line.split('\t');
        let mut next = || parts.next().unwrap();
        let direction = match next() {
            "request" => Direction::Request,
            "response" => Direction::Response,
            other => panic!("the oracle said {other}"),
        };
        let (key, version) = (next().parse().unwrap(), next().parse().unwrap());
        let (correlation_id, client_id) = (next().parse().unwrap(), next().to_owned());
        let frame = bytes(next());
        let fields = parts.map(plain).collect();
        Self { release, direction, key, version, filling, correlation_id, client_id, frame, fields }
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { release, direction, key, version, filling, .. } = self;
        write!(f, "Kafka {release} {direction:?} of key {key} v{version}, filling {filling}")
    }
}

/// `throttle_time_ms=x` as `throttletimems=x`: Kafka's schemas write names otherwise than its
/// definitions, with the same letters.
fn plain(field: &str) -> String {
    let (name, value) = field.split_once('=').unwrap();
    format!("{}={value}", name.replace('_', "").to_ascii_lowercase())
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |digit: u8| char::from(digit).to_digit(16).unwrap();
    let byte = |pair: &[u8]| u8::try_from(digit(pair[0]) * 16 + digit(pair[1])).unwrap();
    hex.as_bytes().chunks_exact(2).map(byte).collect()
}

fn run(release: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let jars: PathBuf = root.join(format!(".lab/kafka-{release}/lib"));
    assert!(jars.is_dir(), "Kafka {release} is not in {}: run make setup", jars.display());
    let output = Command::new("java")
        .args(["-Xmx256m", "-cp"])
        .arg(jars.join("*"))
        .arg(root.join("crates/kafka-wire/tests/oracle/Oracle.java"))
        .args([SEED, &FILLINGS.to_string()])
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("java does not start ({error}): run make setup"));
    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the oracle failed with Kafka {release}: {problem}");
    String::from_utf8(output.stdout).unwrap()
}
