//! Files: that they follow each other, and that the reader follows them.

use super::*;

#[tokio::test]
async fn what_was_not_delivered_comes_again_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let small = LogSettings { segment_bytes: 500, ..settings(folder.path()) };
    let mut expected = Vec::new();
    for round in 0..5_u8 {
        let (wal, mut recovery) = open(&small).unwrap();
        assert_eq!(recovery.waiting, expected.len() as u64);
        for number in 0..20 {
            let value = vec![round, number];
            let sequence = wal.append(entry(&value)).await.unwrap();
            expected.push((sequence, value));
        }
        let read = read_all(&mut recovery.reader).await;
        assert_eq!(read, expected);
        // Every third one is delivered.
        for (sequence, _) in read.iter().filter(|(sequence, _)| sequence % 3 == 0) {
            wal.delivered(*sequence);
        }
        expected.retain(|(sequence, _)| sequence % 3 != 0);
        wal.close();
    }
    let (wal, mut recovery) = open(&small).unwrap();
    for (sequence, value) in &expected {
        let read = recovery.reader.next().await.unwrap();
        assert_eq!((read.sequence, value_of(&read.payload)), (*sequence, value.clone()));
        assert_eq!(wal.fetch(read.sequence, read.place).await.unwrap(), read.payload);
        wal.delivered(read.sequence);
    }
    wal.close();
    assert_eq!(files_of(folder.path(), ENTRIES).len(), 1);
}

#[tokio::test]
async fn the_reader_waits_for_the_writer_and_loses_nothing_when_it_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let (wal, mut recovery) = open(&settings(folder.path())).unwrap();
    let writer = tokio::spawn(async move {
        for number in 0..300_u32 {
            wal.append(entry(&number.to_be_bytes())).await.unwrap();
        }
        wal
    });
    for number in 0..300_u32 {
        let read = loop {
            // Given up again and again, at any point.
            if let Ok(read) =
                tokio::time::timeout(Duration::from_micros(50), recovery.reader.next()).await
            {
                break read.unwrap();
            }
        };
        assert_eq!(value_of(&read.payload), number.to_be_bytes());
    }
    drop(writer.await.unwrap());
}

#[tokio::test]
async fn entries_larger_than_a_segment_and_a_block_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let (wal, mut recovery) = open(&settings(folder.path())).unwrap();
    let values = [vec![1; 300_000], vec![], vec![2; 262_144], vec![3; 10]];
    for value in &values {
        wal.append(entry(value)).await.unwrap();
    }
    let read: Vec<_> = read_all(&mut recovery.reader).await.into_iter().map(|(_, v)| v).collect();
    assert_eq!(read, values);
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_is_told_and_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let (wal, mut recovery) = open(&settings(folder.path())).unwrap();
    for value in [b"one", b"two"] {
        wal.append(entry(value)).await.unwrap();
    }
    let file = &files_of(folder.path(), ENTRIES)[0];
    let whole = fs::read(file).unwrap();
    let mut bytes = whole.clone();
    let at = bytes.len() - 1;
    bytes[at] ^= 1;
    fs::write(file, &bytes).unwrap();
    assert_eq!(recovery.reader.next().await.unwrap().sequence, 1);
    for _ in 0..2 {
        let error = recovery.reader.next().await.unwrap_err().to_string();
        assert!(error.contains("entry 2") && error.contains("byte"), "{error}");
        assert!(wal.state().failing.is_some_and(|text| text.contains("entry 2")));
    }
    fs::write(file, &whole).unwrap();
    assert_eq!(recovery.reader.next().await.unwrap().sequence, 2);
    assert_eq!(wal.state().failing, None);
}

#[tokio::test]
async fn the_reader_goes_on_behind_files_that_were_removed_unread() {
    let folder = tempfile::tempdir().unwrap();
    // One entry in each file.
    let small = LogSettings { segment_bytes: 1000, ..settings(folder.path()) };
    let (wal, _recovery) = open(&small).unwrap();
    for number in 1..=5 {
        assert_eq!(wal.append(entry(&[number; 900])).await.unwrap(), u64::from(number));
    }
    // Behind a partition that is away, others go on.
    for sequence in [2, 3] {
        wal.delivered(sequence);
    }
    wal.close();
    drop((wal, _recovery));

    let (wal, mut recovery) = open(&small).unwrap();
    assert_eq!(recovery.reader.next().await.unwrap().sequence, 1);
    wal.delivered(1);
    let began = std::time::Instant::now();
    while files_of(folder.path(), ENTRIES).len() > 2 {
        assert!(began.elapsed() < Duration::from_secs(10), "nothing is removed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let left = read_all(&mut recovery.reader).await;
    assert_eq!(left.iter().map(|(sequence, _)| *sequence).collect::<Vec<_>>(), [4, 5]);
    wal.close();
}
