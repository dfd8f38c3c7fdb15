//! Ledgers that changed: older copies that replaced them or are continued elsewhere, and salvaged ledgers.

use super::*;

#[test]
fn a_ledger_that_an_older_copy_took_the_place_of_is_known_to_lack_rows_whatever_runs_end() {
    let place = TestFolder::new();
    let mut a = place.claimed("a", &[1, 2]);
    a.post(1);
    a.end();
    let older = place.0.path().join("older");
    fs::copy(place.ledger("a"), &older).unwrap();
    let mut a = place.resumed("a", &[2]);
    a.post(2);
    a.end();
    fs::rename(&older, place.ledger("a")).unwrap();
    // For others and for its own next run, also after others have read it.
    assert_eq!(numbers(&look_for(&mut place.registry("b"), &[1, 2])), (0, 2, 0));
    let mut own = place.registry("a");
    let found = look_for(&mut own, &[2]);
    assert_eq!((numbers(&found), own.is_itself(&found.known[0].ledger)), ((0, 1, 0), true));
    let a = place.resumed("a", &[2]);
    a.end();
    for name in ["a", "b"] {
        assert_eq!(numbers(&look_for(&mut place.registry(name), &[2])), (0, 1, 0), "nobody has decided about it");
    }
}

#[test]
fn a_salvaged_ledger_stands_for_the_one_it_was_made_of_while_that_is_damaged() {
    let place = TestFolder::new();
    let mut a = place.claimed("a", &[1]);
    a.post(1);
    a.end();
    let look_by_salvaged = || numbers(&look_for(&mut place.registry("b").salvaged_from(&[id_of("a")]), &[1]));
    let whole = fs::read(place.ledger("a")).unwrap();
    overwrite(&place.ledger("a"), &[&whole[..whole.len() / 2], b"x", &whole[whole.len() / 2 + 1..]].concat());
    assert_eq!(look_by_salvaged(), (0, 0, 0));
    overwrite(&place.ledger("a"), &whole);
    assert_eq!(look_by_salvaged(), (0, 1, 0), "somebody has restored it");
}

fn overwrite(path: &std::path::Path, bytes: &[u8]) {
    std::io::Write::write_all(&mut fs::File::create(path).unwrap(), bytes).unwrap();
}

/// Copies a ledger as `cp` does between two runs.
fn copy_of(path: &std::path::Path) -> PathBuf {
    let copy = path.with_extension("older");
    fs::copy(path, &copy).unwrap();
    copy
}

#[test]
fn what_a_killed_run_may_have_sent_is_known_when_an_older_copy_of_its_ledger_is_put_in_its_place() {
    let place = TestFolder::new();
    let mut a = place.claimed("a", &[1]);
    a.post(1);
    a.end();
    let older = copy_of(&place.ledger("a"));
    let mut a = place.resumed("a", &[2, 3]);
    a.commit(run());
    a.registry.note_own().unwrap();
    a.claim.begun().unwrap();
    a.post(2);
    drop(a);
    fs::rename(older, place.ledger("a")).unwrap();
    for name in ["a", "b"] {
        let mut registry = place.registry(name);
        assert_eq!(numbers(&look_for(&mut registry, &[2, 3])), (0, 2, 0), "{name}");
        let lock = registry.lock().unwrap();
        registry.remove_dead_claims(&lock).unwrap();
        assert_eq!(place.claims(), 1);
    }
    // A run that sends none of these rows and ends.
    let mut a = place.resumed("a", &[4]);
    a.post(4);
    a.end();
    assert_eq!(place.claims(), 0);
    assert_eq!(numbers(&look_for(&mut place.registry("a"), &[2, 3])), (0, 2, 0));
    fs::remove_file(place.ledger("a")).unwrap();
    assert_eq!(numbers(&look_for(&mut place.registry("b"), &[2, 3, 4])), (0, 3, 0));
}

#[test]
fn a_copy_of_a_ledger_that_is_gone_lacks_what_that_one_had() {
    let place = TestFolder::new();
    let mut a = place.claimed("a", &[1]);
    a.post(1);
    a.end();
    let copy = copy_of(&place.ledger("a"));
    let mut a = place.resumed("a", &[2]);
    a.post(2);
    a.end();
    let moved = place.ledger("a").with_extension("moved");
    fs::rename(place.ledger("a"), &moved).unwrap();
    let of = (leadsquared::NAME.to_owned(), TARGET.to_owned());
    let at = |path: &PathBuf| FileRegistry::new(Some(place.account()), of.clone(), (path, id_of("a")), &[], true);
    assert_eq!(numbers(&look_for(&mut at(&moved), &[2])), (0, 0, 0), "it is whole, and says itself what it has");
    let mut own = at(&copy);
    let found = look_for(&mut own, &[2]);
    assert_eq!((numbers(&found), own.is_itself(&found.known[0].ledger)), ((0, 1, 0), true));
}
