//! Runs the committed corpus through every target with the stable toolchain, so that a change that breaks
//! a law on a known input fails without a fuzzer.

use std::path::Path;

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
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/connection");
    let mut right = 0;
    for entry in std::fs::read_dir(&folder).expect("the corpus") {
        let path = entry.expect("an entry of the corpus").path();
        if !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("right-")) {
            continue;
        }
        let script = Script::new(&std::fs::read(&path).expect("a file of the corpus"));
        let expected = script.expected.unwrap_or_else(|| panic!("{} is not right", path.display()));
        assert!(expected.responses.0 > 0, "{} has no response", path.display());
        right += 1;
    }
    assert!(right >= 10, "only {right} seeds are right conversations");
}
