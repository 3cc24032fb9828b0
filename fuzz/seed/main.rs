//! Writes the seed corpus, `corpus/<target>/`: the same files at every run.
//!
//! Seeds are scripts in the targets' own input formats: messages of this package's encoder for every API,
//! conversations, and configurations.

use std::fs;
use std::path::{Path, PathBuf};

use kafka_filter::metrics::catalog::Metric;
use kafka_filter_fuzz::input::write_bytes;
use kafka_filter_fuzz::script::Script;
use kafka_wire::schema;

mod bodies;
mod captures;
mod lines;

fn main() -> std::io::Result<()> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut corpus = Corpus { root: package.join("corpus"), files: 0, bytes: 0 };
    corpus.clear()?;
    walker(&mut corpus)?;
    frame(&mut corpus)?;
    header(&mut corpus)?;
    config(&mut corpus)?;
    connection(&mut corpus)?;
    for (name, seed) in captures::connection_seeds(&package.join("../tests/captures"))? {
        corpus.write("connection", &format!("capture-{name}"), &seed)?;
    }
    for (name, seed) in bodies::seeds() {
        corpus.write("gateway", &name, &seed)?;
    }
    for (name, seed) in lines::seeds() {
        corpus.write("scrape", &name, &seed)?;
    }
    println!("{} seeds, {} bytes in {}", corpus.files, corpus.bytes, corpus.root.display());
    assert!(corpus.files <= FILES_MAX && corpus.bytes <= BYTES_MAX, "the corpus is too large");
    Ok(())
}

/// The folders that are written.
struct Corpus {
    root: PathBuf,
    files: usize,
    bytes: usize,
}

impl Corpus {
    fn clear(&self) -> std::io::Result<()> {
        if self.root.exists() {
            fs::remove_dir_all(&self.root)?;
        }
        Ok(())
    }

    fn write(&mut self, target: &str, name: &str, bytes: &[u8]) -> std::io::Result<()> {
        let folder = self.root.join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name), bytes)?;
        self.files += 1;
        self.bytes += bytes.len();
        Ok(())
    }
}

/// One body of every API, requests and responses by turns, in its newest version.
fn walker(corpus: &mut Corpus) -> std::io::Result<()> {
    for (index, api) in schema::apis().enumerate() {
        let is_response = index % 2;
        let message = if is_response == 0 { &api.request } else { &api.response };
        let index = u8::try_from(index).unwrap_or(0);
        let mut seed = vec![index, u8::try_from(is_response).unwrap_or(0), message.versions.last];
        seed.extend(noise(u64::from(index) + 1).take(90));
        corpus.write("walker", &format!("encoded-{}", message.name), &seed)?;
    }
    Ok(())
}

/// Frames of encoded bodies, of bytes, of wrong sizes.
fn frame(corpus: &mut Corpus) -> std::io::Result<()> {
    for (name, kinds) in [
        ("encoded", &[100_u8, 120, 150, 180][..]),
        ("bytes", &[0, 10, 20]),
        ("wrong-size", &[95, 195, 99]),
        ("loose", &[250, 100, 250, 0]),
    ] {
        for variant in 0..4_u8 {
            let mut noise = noise(u64::from(variant) + 100);
            let mut seed = vec![8, variant, 0, 0, variant % 3];
            write_bytes(&mut seed, &[1, 3, 200]);
            for kind in kinds.iter().cycle().take(8) {
                seed.push(*kind);
                seed.extend(noise.by_ref().take(60));
            }
            corpus.write("frame", &format!("{name}-{variant}"), &seed)?;
        }
    }
    Ok(())
}

/// Request headers with each form of client id.
fn header(corpus: &mut Corpus) -> std::io::Result<()> {
    let head = [0, 3, 0, 9, 0, 0, 0, 1];
    let ids: [(&str, &[u8]); 5] = [
        ("short", &[0, 3, b'a', b'p', b'p']),
        ("null", &[0xff, 0xff]),
        ("empty", &[0, 0]),
        ("negative", &[0x80, 0]),
        ("cut", &[0, 9, b'a']),
    ];
    for (name, id) in ids {
        // The first three bytes tell splits, the fourth that the size fits.
        let seed = [&[3, 7, 255, 255][..], &head, id, b"body"].concat();
        corpus.write("header", &format!("fits-{name}"), &seed)?;
        let size = i32::try_from(head.len() + id.len()).unwrap_or(0).to_be_bytes();
        let frame = [&size[..], &head, id].concat();
        let seed = [&[3, 7, 0][..], &frame, &frame].concat();
        corpus.write("header", &format!("two-{name}"), &seed)?;
    }
    let long = [&[3, 7, 255][..], &head, &[1, 44], &[b'z'; 300]].concat();
    corpus.write("header", "fits-long", &long)
}

/// Texts that are right, and one for each way of being wrong.
fn config(corpus: &mut Corpus) -> std::io::Result<()> {
    let texts = [
        ("empty-object", "{}"),
        ("blank", " \n\t"),
        (
            "full",
            r#"{"reporter":"source","labels":{"topic":{"values_max":500},"request":{"values_max":1},"api_version":{"values_max":2},"error":{"values_max":3}},"limits":{"in_flight_max":64,"walk_size_bytes":65536,"topic_ids_max":100}}"#,
        ),
        (
            "lists",
            r#"{"access_log":false,"metrics":{"clients":false,"lag":true},"labels":{"topic":{"deny":["_.*"]},"client_id":{"values_max":5,"allow":["(shop|billing)(-.*)?"],"rewrite":[{"match":"(?P<app>.+)-[0-9a-f]{8}","replace":"${app}"},{"match":"consumer-(.+)-[0-9]+","replace":"$1"}]},"group":{"values_max":1,"allow":[]},"software":{"values_max":2},"software_version":{"values_max":3}},"limits":{"combinations_max":10,"lag_partitions_max":20,"lag_stale_seconds":30}}"#,
        ),
        ("no-pattern", r#"{"labels":{"group":{"allow":["a(","b"]}}}"#),
        ("no-group", r#"{"labels":{"client_id":{"rewrite":[{"match":"(a)","replace":"$2"}]}}}"#),
        ("no-rule", r#"{"labels":{"client_id":{"rewrite":[{"match":"a","with":"b"}]}}}"#),
        ("too-large", r#"{"labels":{"topic":{"deny":["((a{99}){99}){99}"]}}}"#),
        ("whole-float", r#"{"limits":{"in_flight_max":2e2}}"#),
        ("fraction", r#"{"limits":{"in_flight_max":2.5}}"#),
        ("negative", r#"{"limits":{"in_flight_max":-1}}"#),
        ("huge", r#"{"limits":{"in_flight_max":18446744073709551615}}"#),
        ("unknown-key", r#"{"label":{}}"#),
        ("unknown-inner", r#"{"labels":{"topics":{"values_max":1}}}"#),
        ("twice", r#"{"reporter":"auto","reporter":"proxy"}"#),
        ("wrong-type", r#"{"labels":{"topic":5}}"#),
        ("wrong-word", r#"{"reporter":"sidecar\n\u0007"}"#),
        ("array", "[1,2,3]"),
        ("null", "null"),
        ("text", "\"x\""),
        ("cut", r#"{"labels":{"topic":{"values_"#),
        ("escaped-key", r#"{"\u006cabels":{}}"#),
        ("bom", "\u{feff}{}"),
    ];
    for (name, text) in texts {
        corpus.write("config", name, text.as_bytes())?;
    }
    let deep = "[".repeat(200);
    corpus.write("config", "deep", deep.as_bytes())?;
    // A pattern, a replacement and values: what a backtracking machine would hang at, and what is common.
    let near = [b"a".repeat(254), b"!".to_vec()].concat();
    let rules = [
        ("nested", "(a+)+", "$1$1", [b"a".repeat(200), near]),
        (
            "pod",
            "(.+)-[0-9a-z]{10}-[0-9a-z]{5}",
            "${1}",
            [b"shop-7d9f8b6c5d-x2x4z".to_vec(), b"shop".to_vec()],
        ),
        ("longer", "(.*)", "$0$0-$1", [vec![0xFF; 255], vec![b'a'; 256]]),
    ];
    for (name, pattern, replacement, values) in rules {
        let mut seed = Vec::new();
        for part in [pattern.into(), replacement.into()].into_iter().chain(values) {
            let fits = write_bytes(&mut seed, &part);
            assert!(fits, "{name} holds what is too long for a seed");
        }
        corpus.write("config", &format!("pattern-{name}"), &seed)?;
    }
    Ok(())
}

/// Of many random scripts those that get far: right ones with the most responses, and any others.
fn connection(corpus: &mut Corpus) -> std::io::Result<()> {
    let mut scripts: Vec<(i64, u64, Vec<u8>)> = (0..SCRIPTS_TRIED)
        .filter_map(|number| {
            let limits = if number % 2 == 0 { 0xff } else { 0x0e };
            let mut seed = vec![
                0xff,
                limits,
                0xff,
                0xff,
                0xff,
                0xff,
                if number % 3 == 0 { 0 } else { COUNTS_WAIT },
            ];
            seed.extend(noise(number + 1_000).take(400));
            let expected = Script::new(&seed).expected?;
            Some((expected.total(Metric::Responses), number, seed))
        })
        .collect();
    scripts.sort_by_key(|(responses, number, _)| (std::cmp::Reverse(*responses), *number));
    for (rank, (_, _, seed)) in scripts.into_iter().take(20).enumerate() {
        corpus.write("connection", &format!("right-{rank}"), &seed)?;
    }
    let good_days = (0..SCRIPTS_TRIED).map(good_day);
    let right = good_days.filter(|seed| Script::new(seed).expected.is_some());
    for (number, seed) in right.take(32).enumerate() {
        corpus.write("connection", &format!("good-day-{number}"), &seed)?;
    }
    for number in 0..12_u64 {
        let seed: Vec<u8> = noise(number + 500).take(700).collect();
        corpus.write("connection", &format!("any-{number}"), &seed)?;
    }
    Ok(())
}

/// Producers and members of groups on two workers, with ticks in between; under large and small caps, with all
/// metrics and with some.
fn good_day(number: u64) -> Vec<u8> {
    const EXCHANGE: u8 = 140;
    const OTHER_CONNECTION: u8 = 205;
    const TICK: u8 = 217;
    let mut noise = noise(number + 2_000);
    let mut seed = vec![0xff, 0xff, 0xff, 0xff, 0xff, 0xff, COUNTS_WAIT];
    match number % 4 {
        // One of three groups or clients, three combinations, three partitions.
        1 | 3 => seed[2..4].copy_from_slice(&[0b0101_0101, 0b1111_0101]),
        // Without groups and lag, or without one other group of metrics.
        2 => {
            let off = if number % 8 == 2 { 0b1100_0000 } else { 1 << (number / 8 % 6) };
            seed[4..6].fill(!off);
        }
        _ => {}
    }
    while seed.len() < 900 {
        let mut byte = || noise.next().unwrap_or_default();
        let (what, choice, size) = (byte(), byte(), byte());
        match what {
            0..=170 => {
                let block: Vec<u8> = noise.by_ref().take(usize::from(size % 30) + 30).collect();
                seed.push(EXCHANGE);
                write_bytes(&mut seed, &block);
            }
            171..=200 => seed.extend([OTHER_CONNECTION, choice]),
            _ => seed.extend([TICK, choice, size]),
        }
    }
    seed
}

/// Bytes that look random and are the same every time.
fn noise(seed: u64) -> impl Iterator<Item = u8> {
    // xorshift64, Marsaglia 2003.
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::from_fn(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        Some(state.to_be_bytes()[2])
    })
}

/// Mode of a script in which counters wait for the tick.
const COUNTS_WAIT: u8 = 10;
const SCRIPTS_TRIED: u64 = 20_000;
const FILES_MAX: usize = 300;
const BYTES_MAX: usize = 300 * 1024;
