//! Runs the committed corpus through every target with the stable toolchain, so that a change that breaks
//! a law on a known input fails without a fuzzer.

use std::path::Path;

use kafka_filter::metrics::catalog::{Metric, PREFIX};
use kafka_filter_fuzz::connection;
use kafka_filter_fuzz::scrape::{self, Line};
use kafka_filter_fuzz::script::Script;

#[test]
fn every_seed_keeps_the_laws() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (name, run) in kafka_filter_fuzz::TARGETS {
        let folder = corpus.join(name);
        let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| {
            panic!(
                "no corpus at {}: {error}; `cargo run --example seed` writes it",
                folder.display()
            )
        });
        let mut seeds = 0;
        for entry in entries {
            let path = entry.expect("an entry of the corpus").path();
            let bytes = std::fs::read(&path).expect("a file of the corpus");
            println!("{}", path.display());
            run(&bytes);
            seeds += 1;
        }
        assert!(seeds > 0, "{} is empty; `cargo run --example seed` fills it", folder.display());
    }
}

#[test]
fn degenerate_inputs_keep_the_laws() {
    for (_, run) in kafka_filter_fuzz::TARGETS {
        run(&[]);
        for byte in 0..=u8::MAX {
            run(&[byte]);
            run(&[byte; 300]);
        }
    }
}

#[test]
fn seeds_of_right_conversations_are_right() {
    let right = connection_seeds("right-");
    assert!(right.len() >= 10, "only {} seeds are right conversations", right.len());
    for (name, seed) in right {
        let expected = Script::new(&seed).expected.unwrap_or_else(|| panic!("{name} is not right"));
        assert!(expected.total(Metric::Responses) > 0, "{name} has no response");
    }
}

#[test]
fn seeds_of_real_clients_are_decoded_to_their_end() {
    let captures = connection_seeds("capture-");
    assert!(captures.len() >= 10, "only {} seeds are captures", captures.len());
    for (name, seed) in captures {
        let verdicts = connection::outcome(&seed).verdicts;
        assert!(matches!(&verdicts[..], [verdict] if verdict.is_watched), "{name}: {verdicts:?}");
    }
}

#[test]
fn seeds_of_lines_are_what_their_names_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/scrape");
    let (mut taken, mut refused) = (0, 0);
    for entry in std::fs::read_dir(folder).expect("the corpus; the example `seed` writes it") {
        let path = entry.expect("an entry of the corpus").path();
        let is_taken =
            path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"taken"));
        for line in std::fs::read(&path).expect("a seed").split(|byte| *byte == b'\n') {
            let found = scrape::read(line);
            let text = line.escape_ascii();
            assert_eq!(found != Line::Refused, is_taken, "{}: {text}", path.display());
            *(if is_taken { &mut taken } else { &mut refused }) += 1;
        }
    }
    assert!(taken >= 30 && refused >= 30, "{taken} lines are taken, {refused} refused");
}

/// A law over a metric that no script moves says nothing.
#[test]
fn seeds_move_every_metric() {
    let mut moved = String::new();
    for (_, seed) in connection_seeds("") {
        let outcome = connection::outcome(&seed);
        moved.extend(outcome.counted.keys().chain(outcome.gauges.keys()).map(String::as_str));
    }
    let still = Metric::ALL.iter().map(|metric| metric.definition().name);
    let still: Vec<&str> =
        still.filter(|name| !moved.contains(&format!("{PREFIX}{name}."))).collect();
    assert!(still.is_empty(), "no seed moves {still:?}");
}

fn connection_seeds(prefix: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/connection");
    let entries = std::fs::read_dir(&folder).expect("the corpus; the example `seed` writes it");
    let named = entries.filter_map(|entry| {
        let path = entry.expect("an entry of the corpus").path();
        let name = path.file_name()?.to_str()?.to_owned();
        name.starts_with(prefix).then(|| (name, std::fs::read(&path).expect("a seed")))
    });
    named.collect()
}
