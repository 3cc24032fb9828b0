//! What a crash or damage leaves, at every byte of it.

use super::*;

/// Three entries, each synced before the next was written.
async fn three(folder: &Path) -> PathBuf {
    let (wal, _recovery) = open(&settings(folder)).unwrap();
    for value in [b"one", b"two", b"six"] {
        wal.append(entry(value)).await.unwrap();
    }
    let files = files_of(folder, ENTRIES);
    assert_eq!(files.len(), 1);
    files[0].clone()
}

const FRAME: usize = 24;

#[tokio::test]
async fn a_tail_torn_at_any_byte_is_cut_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = three(folder.path()).await;
    let whole = fs::read(&file).unwrap();
    let frame = FRAME + entry(b"six").len();
    assert_eq!(whole.len(), 16 + 3 * frame);
    for size in whole.len() - frame..whole.len() {
        fs::write(&file, &whole[..size]).unwrap();
        let (wal, mut recovery) = open(&settings(folder.path())).unwrap();
        let torn = size - (whole.len() - frame);
        let cut: Vec<u64> = recovery.cut.iter().map(|cut| cut.bytes).collect();
        assert_eq!(cut, if torn == 0 { vec![] } else { vec![torn as u64] });
        let expected = [(1, b"one".to_vec()), (2, b"two".to_vec())];
        assert_eq!(read_all(&mut recovery.reader).await, expected);
        assert_eq!(wal.append(entry(b"new")).await.unwrap(), 3);
        assert_eq!(read_all(&mut recovery.reader).await, [(3, b"new".to_vec())]);
    }
}

#[tokio::test]
async fn a_file_that_was_never_begun_is_made_again() {
    for size in 0..16 {
        let folder = tempfile::tempdir().unwrap();
        let file = three(folder.path()).await;
        let whole = fs::read(&file).unwrap();
        fs::write(&file, &whole[..size]).unwrap();
        let (wal, _recovery) = open(&settings(folder.path())).unwrap();
        assert_eq!(wal.append(entry(b"new")).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn zeros_and_garbage_behind_the_end_are_cut() {
    for tail in [vec![0; 1], vec![0; 4096], vec![0xff; 4096], b"garbage".repeat(500)] {
        let folder = tempfile::tempdir().unwrap();
        let file = three(folder.path()).await;
        let mut bytes = fs::read(&file).unwrap();
        bytes.extend_from_slice(&tail);
        fs::write(&file, bytes).unwrap();
        let (_wal, mut recovery) = open(&settings(folder.path())).unwrap();
        assert_eq!(recovery.cut[0].bytes, tail.len() as u64);
        assert_eq!(read_all(&mut recovery.reader).await.len(), 3);
    }
}

#[tokio::test]
async fn a_flipped_bit_before_what_was_synced_is_an_error_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = three(folder.path()).await;
    let whole = fs::read(&file).unwrap();
    let frame = FRAME + entry(b"six").len();
    for at in 16..16 + 2 * frame {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&file, &bytes).unwrap();
        let error = open(&settings(folder.path())).err().unwrap();
        let OpenError::Corrupt { path, offset, .. } = &error else { panic!("{error}") };
        assert_eq!(*path, file);
        assert_eq!(*offset as usize, 16 + (at - 16) / frame * frame, "bit in byte {at}");
        let text = error.to_string();
        assert!(text.contains(&format!("byte {offset}")) && text.contains("wal salvage"), "{text}");
        assert_eq!(fs::read(&file).unwrap(), bytes, "an error changes nothing");
    }
    for at in 0..16 {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&file, &bytes).unwrap();
        let error = open(&settings(folder.path())).err().unwrap();
        assert!(matches!(error, OpenError::Corrupt { offset: 0, .. }), "{error}");
    }
}

#[tokio::test]
async fn damage_in_an_older_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let small = LogSettings { segment_bytes: 200, ..settings(folder.path()) };
    let (wal, _recovery) = open(&small).unwrap();
    for n in 0..9_u8 {
        wal.append(entry(&[n; 50])).await.unwrap();
    }
    wal.close();
    let files = files_of(folder.path(), ENTRIES);
    assert!(files.len() > 3, "{files:?}");
    let whole = fs::read(&files[1]).unwrap();
    for size in [whole.len() - 1, whole.len() / 2, 10] {
        fs::write(&files[1], &whole[..size]).unwrap();
        let error = open(&small).err().unwrap();
        assert!(matches!(&error, OpenError::Corrupt { path, .. } if *path == files[1]), "{error}");
    }
    fs::remove_file(&files[1]).unwrap();
    let error = open(&small).err().unwrap();
    assert!(matches!(&error, OpenError::Corrupt { path, .. } if *path == files[0]), "{error}");
    fs::write(&files[1], &whole).unwrap();
    fs::remove_file(&files[0]).unwrap();
    let error = open(&small).err().unwrap();
    assert!(matches!(error, OpenError::Missing { from: 1, .. }), "{error}");
}

#[tokio::test]
async fn a_damaged_checkpoint_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = three(folder.path()).await;
    let checkpoint = folder.path().join("checkpoint");
    let whole = fs::read(&checkpoint).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x80;
        fs::write(&checkpoint, bytes).unwrap();
        assert!(matches!(open(&settings(folder.path())).err().unwrap(), OpenError::Checkpoint(_)));
    }
    fs::remove_file(&checkpoint).unwrap();
    let (_wal, mut recovery) = open(&settings(folder.path())).unwrap();
    assert_eq!(read_all(&mut recovery.reader).await.len(), 3);
    assert!(file.exists());
}

#[tokio::test]
async fn one_process_has_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (wal, _recovery) = open(&settings(folder.path())).unwrap();
    assert!(matches!(open(&settings(folder.path())).err().unwrap(), OpenError::Locked(_)));
    wal.close();
    assert!(matches!(wal.append(entry(b"late")).await, Err(AppendError::Stopping)));
    assert!(open(&settings(folder.path())).is_ok());
}
