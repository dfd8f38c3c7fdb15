use std::fs;

use super::*;
use crate::settings::Spread;

const TIMEOUT: Duration = Duration::from_secs(2);

fn join(state: &Path, id: u64) -> (SharedBudget, Vec<Sharer>) {
    let run = Sharer { id, name: format!("{id}.csv"), ..Sharer::new(vec!["5/1h".parse().unwrap()], TIMEOUT) };
    let member = Member::new(run, Spread::Burst);
    let account = StateFolder::open(state).unwrap().account("http://127.0.0.1:1/api").unwrap();
    SharedBudget::join(Folder::of(account), member, Clock::start(), None).unwrap()
}

fn take(budget: &mut SharedBudget, want: u32) -> Grant {
    Budget::exchange(budget, &Request { want: Some(want), ..Request::default() }, Duration::ZERO).unwrap()
}

fn folder(state: &Path) -> PathBuf {
    fs::read_dir(state.join("budgets")).unwrap().next().unwrap().unwrap().path()
}

#[test]
fn what_one_run_took_another_does_not_get_and_what_it_gave_back_unused_it_does() {
    let state = tempfile::tempdir().unwrap();
    let (mut a, others) = join(state.path(), 1);
    assert!(others.is_empty());
    let (mut b, others) = join(state.path(), 2);
    assert_eq!(others.iter().map(|run| run.name.as_str()).collect::<Vec<_>>(), ["1.csv"]);
    assert_eq!((take(&mut a, 3).granted, take(&mut b, 3).granted), (3, 2));
    a.leave(&[(Ended::NotSent, Duration::ZERO); 3]).unwrap();
    assert_eq!(take(&mut b, 9).granted, 3);
    assert_eq!(fs::read_dir(folder(state.path())).unwrap().count(), 3, "budget, lock, one run");
}

#[test]
fn a_run_that_is_gone_without_a_word_is_found_and_its_slots_are_kept() {
    let state = tempfile::tempdir().unwrap();
    let (mut a, _) = join(state.path(), 1);
    assert_eq!(take(&mut a, 4).granted, 4);
    drop(a);
    let (mut b, others) = join(state.path(), 2);
    assert!(others.is_empty(), "{others:?}");
    let answer = take(&mut b, 5);
    let Some(Wait::Until(until)) = answer.wait else { panic!("{answer:?}") };
    assert_eq!(answer.granted, 1);
    let least = TIMEOUT + Duration::from_secs(3600);
    assert!((least..least + Duration::from_secs(30)).contains(&until), "{until:?}");
    assert_eq!(fs::read_dir(folder(state.path())).unwrap().count(), 3, "the dead one's file is gone");
}

#[cfg(unix)]
#[test]
fn a_run_whose_file_tells_nothing_is_taken_for_alive_until_all_that_it_took_is_free_and_no_longer() {
    let state = tempfile::tempdir().unwrap();
    let (mut a, _) = join(state.path(), 1);
    assert_eq!(take(&mut a, 4).granted, 4);
    let file = folder(state.path()).join(alive(1));
    fs::remove_file(&file).and_then(|()| std::os::unix::fs::symlink("/nowhere", &file)).unwrap();
    let (mut b, others) = join(state.path(), 2);
    assert_eq!((others.len(), take(&mut b, 5).granted), (1, 1));
    let now = Clock::start().stamp();
    let mut account = b.folder.read(&now).unwrap().unwrap();
    let last = now.at + TIMEOUT + Duration::from_secs(3600);
    assert!(b.folder.is_alive(&account, 1, last - Duration::from_secs(60)));
    assert!(!b.folder.is_alive(&account, 1, last));
    // The slots that it took stay in use, as for a run that is found dead.
    b.folder.find_dead(&mut account, 2, last);
    let used: u32 = account.freeing("5/1h".parse().unwrap(), last).iter().map(|(_, count)| count).sum();
    assert_eq!((account.sharers().count(), used), (1, 5));
}

#[test]
fn a_run_is_last_heard_of_when_it_last_asked() {
    let s = Duration::from_secs;
    let run = Sharer { id: 1, ..Sharer::new(vec!["5/1s".parse().unwrap()], s(30)) };
    let (mut member, mut account) = (Member::new(run, Spread::Burst), Account::default());
    member.join(&mut account, s(1));
    member.exchange(&mut account, &Request::default(), s(100));
    let at = |at| Stamp { boot: "a".to_owned(), at, wall: Timestamp::UNIX_EPOCH };
    let account = Account::read(account.to_line(&at(s(200))).as_bytes(), &at(s(200))).unwrap();
    assert!(account.is_presumed_alive(1, s(131)) && !account.is_presumed_alive(1, s(132)));
    assert!(!account.is_presumed_alive(2, s(100)));
}

#[test]
fn a_state_that_is_damaged_or_gone_is_taken_for_full_windows() {
    type Change = fn(&Path);
    let changes: [Change; 4] = [
        |path| File::create(path).unwrap().write_all(b"garbage").unwrap(),
        |path| File::options().write(true).open(path).unwrap().set_len(40).unwrap(),
        |path| File::create(path).map(drop).unwrap(),
        |path| fs::remove_file(path).unwrap(),
    ];
    for change in changes {
        let state = tempfile::tempdir().unwrap();
        let (a, _) = join(state.path(), 1);
        a.leave(&[]).unwrap();
        change(&folder(state.path()).join("budget"));
        let (mut b, _) = join(state.path(), 2);
        let answer = take(&mut b, 1);
        let Some(Wait::Until(until)) = answer.wait else { panic!("{answer:?}") };
        assert!(answer.granted == 0 && until >= USUAL_TIMEOUT + Duration::from_secs(3600), "{answer:?}");
    }
}

/// Written by a version whose state lacked the time of a run's last exchange. That run was killed with 25
/// slots in use.
#[test]
fn a_state_of_an_older_program_is_continued() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/v1-budget");
    let old = fs::read(&path).unwrap();
    let at = Duration::from_secs(2010);
    let then = Stamp { boot: "f662bc51-ed17-44ad-9141-4c1d6a5a36d4".to_owned(), at, wall: Timestamp::UNIX_EPOCH };
    let account = Account::read(&old, &then).unwrap();
    let run = account.sharers().next().unwrap();
    let of_now = loads_of(&account, &["25/5s".parse().unwrap()], &then);
    assert_eq!((run.name.as_str(), of_now[0].used(then.wall)), ("notes.csv", 25));
    let longest = Duration::from_secs(3600 + 30);
    assert!(account.is_presumed_alive(run.id, at) && !account.is_presumed_alive(run.id, at + longest));

    let state = tempfile::tempdir().unwrap();
    let (a, _) = join(state.path(), 1);
    a.leave(&[]).unwrap();
    fs::copy(path, folder(state.path()).join(BUDGET)).unwrap();
    let (b, others) = join(state.path(), 2);
    assert!(others.is_empty(), "the run is dead, since it has no file");
    b.leave(&[]).unwrap();
}

#[test]
fn after_an_error_nothing_more_is_granted_and_nothing_forgotten() {
    let state = tempfile::tempdir().unwrap();
    let (mut a, _) = join(state.path(), 1);
    assert_eq!(take(&mut a, 4).granted, 4);
    // Replace the state by a folder.
    let (budget, away) = (folder(state.path()).join(BUDGET), folder(state.path()).join("away"));
    fs::rename(&budget, &away).and_then(|()| fs::create_dir(&budget)).unwrap();
    let request = Request { ended: vec![(Ended::Answered, Duration::ZERO)], want: Some(1), ..Request::default() };
    Budget::exchange(&mut a, &request, Duration::ZERO).unwrap_err();
    fs::remove_dir(&budget).and_then(|()| fs::rename(&away, &budget)).unwrap();
    Budget::exchange(&mut a, &request, Duration::ZERO).unwrap_err();
    a.leave(&[]).unwrap();
    let (mut b, _) = join(state.path(), 2);
    assert_eq!(take(&mut b, 5).granted, 1);
}

#[cfg(unix)]
#[test]
fn all_of_it_is_for_its_owner_only() {
    use std::os::unix::fs::MetadataExt;

    let state = tempfile::tempdir().unwrap();
    let (_a, _) = join(state.path(), 1);
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(&folder(state.path())), 0o700);
    for entry in fs::read_dir(folder(state.path())).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
}

/// Each thread has its own file handles, and therefore its own locks.
#[test]
fn many_at_once_never_take_more_than_there_is() {
    let state = tempfile::tempdir().unwrap();
    #[cfg(unix)]
    fs::set_permissions(state.path(), std::os::unix::fs::PermissionsExt::from_mode(0o2770)).unwrap();
    let granted: u32 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|id| {
                let path = state.path();
                scope.spawn(move || {
                    let (mut budget, _) = join(path, id);
                    (0..20).map(|_| take(&mut budget, 1).granted).sum::<u32>()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(granted, 5);
}
