use super::*;

fn content(disk: &Disk) -> Option<Vec<u8>> {
    let file = disk.ledger()?;
    let mut bytes = vec![0; usize::try_from(file.size().unwrap()).unwrap()];
    file.read_at(0, &mut bytes).unwrap();
    Some(bytes)
}

fn begun() -> (Disk, DiskFile) {
    let mut disk = Disk::new(1);
    disk.create_unfinished().unwrap();
    disk.rename_finished().unwrap();
    disk.sync().unwrap();
    let file = disk.ledger().unwrap();
    (disk, file)
}

#[test]
fn what_was_synced_survives_and_what_was_not_survives_as_drawn() {
    let (disk, mut file) = begun();
    file.append(b"abcd").unwrap();
    file.sync().unwrap();
    file.append(b"efgh").unwrap();
    for (writes, left) in [
        (Fate::Lost, &b"abcd"[..]),
        (Fate::Kept, b"abcdefgh"),
        (Fate::Torn(1), b"abcde"),
        (Fate::Zeroed(1), b"abcde\0\0\0"),
        (Fate::Reordered(3), b"abcd\0\0\0h"),
        (Fate::Blocks(0), b"abcd\0\0\0\0"),
        (Fate::Garbled(0), b"abcddfgh"),
    ] {
        let crashed = disk.fork();
        crashed.survive(Survival { names: 0, writes });
        assert_eq!(content(&crashed).unwrap(), left);
    }
}

#[test]
fn an_unsynced_truncate_may_be_undone() {
    let (disk, mut file) = begun();
    file.append(b"abcd").unwrap();
    file.sync().unwrap();
    file.keep_torn_tail(b"cd").unwrap();
    file.truncate(2).unwrap();
    assert_eq!(content(&disk).unwrap(), b"ab");
    disk.survive(Survival { names: 0, writes: Fate::Lost });
    assert_eq!(content(&disk).unwrap(), b"abcd");
}

#[test]
fn names_that_were_not_synced_may_be_gone_or_the_old_ones() {
    let mut disk = Disk::new(1);
    disk.create_unfinished().unwrap().append(b"a").unwrap();
    disk.rename_finished().unwrap();
    for (names, there) in [(0, false), (1, false), (2, true)] {
        let crashed = disk.fork();
        crashed.survive(Survival { names, writes: Fate::Kept });
        assert_eq!(content(&crashed).is_some(), there);
    }
}

#[test]
fn the_step_that_ends_everything_has_no_effect_and_none_follows() {
    let (disk, mut file) = begun();
    disk.begin_run(Trouble { crash_at: Some(1), fail_at: None });
    file.append(b"a").unwrap();
    assert!(file.sync().is_err());
    assert!(file.append(b"b").is_err());
    assert!(disk.has_crashed());
    assert_eq!(content(&disk).unwrap(), b"a");
}

#[test]
fn a_step_that_fails_fails_once() {
    let (disk, mut file) = begun();
    disk.begin_run(Trouble { crash_at: None, fail_at: Some(1) });
    file.append(b"a").unwrap();
    assert!(file.sync().is_err());
    assert!(disk.has_failed());
    file.sync().unwrap();
}
