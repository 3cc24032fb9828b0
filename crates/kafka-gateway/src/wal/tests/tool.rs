//! `kafka-gateway wal` on real folders.

use super::super::cli;
use super::*;

fn tool(arguments: &[&str], folder: &Path) -> Result<String, String> {
    let matches = cli::command()
        .try_get_matches_from(
            ["wal"]
                .into_iter()
                .chain(arguments.iter().copied())
                .chain(["--directory", folder.to_str().unwrap()]),
        )
        .unwrap();
    let mut out = Vec::new();
    cli::run_to(&matches, &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

async fn with_letters(folder: &Path) {
    let (wal, _recovery) = open(&settings(folder)).unwrap();
    let refusal = kafka_gateway_api::Refusal::UnknownTopic("topic".to_owned());
    for value in [b"secret-1", b"secret-2", b"secret-3"] {
        let sequence = wal.append(entry(value)).await.unwrap();
        if sequence < 3 {
            wal.dead_letter(sequence, &refusal, &head(None), (0, &record(value)), 5).unwrap();
            wal.delivered(sequence);
        }
    }
    wal.close();
}

#[tokio::test]
async fn dead_letters_are_listed_without_values_and_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    with_letters(folder.path()).await;
    let inspected = tool(&["inspect"], folder.path()).unwrap();
    for part in ["\"entries_waiting\":1", "\"records_waiting\":1", "\"dead_letters\":2"] {
        assert!(inspected.contains(part), "{inspected}");
    }
    let listed = tool(&["dead-letters"], folder.path()).unwrap();
    assert_eq!(listed.lines().count(), 2);
    assert!(listed.contains("\"topic\":\"topic\"") && listed.contains("unknown_topic"), "{listed}");
    assert!(!listed.contains("secret"), "{listed}");
    assert!(tool(&["dead-letters", "--values"], folder.path()).unwrap().contains("secret-2"));

    assert_eq!(tool(&["requeue"], folder.path()).unwrap(), "{\"requeued\":2}\n");
    let (wal, mut recovery) = open(&settings(folder.path())).unwrap();
    assert_eq!(wal.state().dead_letters, 0);
    let expected = [(3, "secret-3"), (4, "secret-1"), (5, "secret-2")]
        .map(|(sequence, value)| (sequence, value.as_bytes().to_vec()));
    assert_eq!(read_all(&mut recovery.reader).await, expected);
    let busy = tool(&["requeue"], folder.path()).unwrap_err();
    assert!(busy.contains("another process"), "{busy}");
    // Looking is allowed.
    tool(&["inspect"], folder.path()).unwrap();
}

#[tokio::test]
async fn dead_letters_can_be_discarded() {
    let folder = tempfile::tempdir().unwrap();
    with_letters(folder.path()).await;
    assert_eq!(tool(&["discard"], folder.path()).unwrap(), "{\"discarded\":2}\n");
    let (wal, recovery) = open(&settings(folder.path())).unwrap();
    assert_eq!((wal.state().dead_letters, recovery.waiting), (0, 1));
}

#[tokio::test]
async fn salvage_keeps_every_entry_that_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let small = LogSettings { segment_bytes: 400, ..settings(folder.path()) };
    let (wal, _recovery) = open(&small).unwrap();
    for number in 0..12_u8 {
        wal.append(entry(&[number; 20])).await.unwrap();
    }
    wal.close();
    drop(wal);
    assert_eq!(tool(&["salvage"], folder.path()).unwrap(), "");
    let file = &files_of(folder.path(), ENTRIES)[1];
    let first = super::super::open::list(folder.path(), ENTRIES).unwrap()[1];
    let mut bytes = fs::read(file).unwrap();
    bytes[16 + 30] ^= 1;
    fs::write(file, bytes).unwrap();
    assert!(open(&small).is_err());
    let told = tool(&["salvage"], folder.path()).unwrap();
    assert!(told.contains("\"lost_known\":1"), "{told}");
    let (wal, mut recovery) = open(&small).unwrap();
    let read: Vec<u64> = read_all(&mut recovery.reader).await.iter().map(|read| read.0).collect();
    assert_eq!(read, (1..=12).filter(|sequence| *sequence != first).collect::<Vec<_>>());
    assert_eq!(wal.append(entry(b"new")).await.unwrap(), 13);
}
