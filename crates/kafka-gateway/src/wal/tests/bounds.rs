//! Room: what is taken, refused and given back.

use super::*;

fn on_disk(folder: &Path) -> u64 {
    fs::read_dir(folder).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum()
}

#[tokio::test]
async fn a_full_log_refuses_until_something_is_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let small =
        LogSettings { max_bytes: 64 << 10, segment_bytes: 4 << 10, ..settings(folder.path()) };
    let (wal, mut recovery) = open(&small).unwrap();
    let mut appended = 0;
    loop {
        match wal.append(entry(&[1; 1000])).await {
            Ok(sequence) => appended = sequence,
            Err(AppendError::Full) => break,
            Err(error) => panic!("{error}"),
        }
        assert!(on_disk(folder.path()) <= 64 << 10);
    }
    assert!(appended > 40, "{appended} entries of 1 KiB in 64 KiB");
    assert_eq!(wal.state().entries_waiting, appended);
    assert_eq!(wal.state().oldest_accepted_ms, Some(1_700_000_000_000));
    assert_eq!(read_all(&mut recovery.reader).await.len() as u64, appended);
    for sequence in (1..=appended).rev() {
        wal.delivered(sequence);
    }
    assert!(wal.is_empty());
    let began = std::time::Instant::now();
    while wal.append(entry(&[2; 1000])).await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(10), "no room came back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    wal.close();
    assert!(files_of(folder.path(), ENTRIES).len() <= 2);
    assert_eq!(wal.state().bytes_used, on_disk(folder.path()));
}

#[tokio::test]
async fn dead_letters_have_room_when_entries_have_none() {
    let folder = tempfile::tempdir().unwrap();
    let small =
        LogSettings { max_bytes: 64 << 10, segment_bytes: 8 << 10, ..settings(folder.path()) };
    let (wal, _recovery) = open(&small).unwrap();
    while wal.append(entry(&[1; 1000])).await.is_ok() {}
    let refusal = kafka_gateway_api::Refusal::UnknownTopic("topic".to_owned());
    let value = [1; 1000];
    for sequence in 1..=5 {
        wal.dead_letter(sequence, &refusal, &head(None), (0, &record(&value)), 1).unwrap();
        wal.delivered(sequence);
    }
    let mut letters = 5;
    while wal.dead_letter(6, &refusal, &head(None), (0, &record(&value)), 1).is_ok() {
        letters += 1;
    }
    wal.close();
    assert!(on_disk(folder.path()) <= 64 << 10);
    drop(wal);
    let (wal, _recovery) = open(&small).unwrap();
    assert_eq!(wal.state().dead_letters, letters);
}

#[tokio::test]
async fn answers_are_known_after_a_restart_within_their_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let (wal, _recovery) = open(&settings(folder.path())).unwrap();
    let now_ms = i64::try_from(
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis(),
    )
    .unwrap();
    let position =
        kafka_gateway_api::Position { partition: 3, offset: Some(9), timestamp_ms: None };
    let mut answer = Answered {
        client: "client".to_owned(),
        key: "key".to_owned(),
        fingerprint: 11,
        count: 2,
        outcomes: vec![(1, kafka_gateway_api::Outcome::Written(position))],
        answered_ms: now_ms,
        sequence: 0,
    };
    for number in 0..150 {
        answer.sequence = wal.append(keyed(Some(&format!("key-{number}")), b"v")).await.unwrap();
        answer.key = format!("key-{number}");
        answer.answered_ms = now_ms + number;
        wal.remember(&answer);
        wal.delivered(answer.sequence);
    }
    let last = wal.append(keyed(Some("unfinished"), b"v")).await.unwrap();
    let answered_not_marked = wal.append(keyed(Some("both"), b"v")).await.unwrap();
    answer.key = "both".to_owned();
    answer.sequence = answered_not_marked;
    answer.answered_ms = now_ms + 1000;
    wal.remember(&answer);
    wal.close();
    drop(wal);
    let (_wal, mut recovery) = open(&settings(folder.path())).unwrap();
    assert_eq!(recovery.answered.len(), IDEMPOTENCY.keys_max);
    assert_eq!(recovery.answered[99], answer);
    assert_eq!(recovery.answered[98].key, "key-149");
    let all = recovery.answered[99].all_outcomes();
    assert_eq!(all[1], kafka_gateway_api::Outcome::Written(position));
    assert!(!all[0].is_success());
    let unfinished: Vec<_> = recovery.unfinished.iter().map(|key| key.key.as_str()).collect();
    assert_eq!(unfinished, ["unfinished"]);
    // An entry whose answer is known is not sent again.
    assert_eq!(read_all(&mut recovery.reader).await, [(last, b"v".to_vec())]);
    assert_eq!(recovery.waiting, 1);
    assert_eq!(recovery.last, answered_not_marked);
    assert_eq!(recovery.unread.collect::<Vec<_>>(), [(last, keyed(Some("unfinished"), b"v"))]);
}
