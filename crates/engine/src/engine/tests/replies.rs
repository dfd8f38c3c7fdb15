//! The effects of replies on a run: pauses, doubts, outages, stops.

use super::*;

#[test]
fn a_limited_reply_pauses_everything_and_costs_no_try() {
    let run = Driver::new(config("25/5s"), (1..=5).map(|n| pending_job(n, n))).run(|row, tries| match (row, tries) {
        (2, 1..=6) => status(429),
        _ => created(),
    });
    assert_eq!(run.counts().posted, 5);
    assert_eq!(run.engine.progress().limited, 6);
    let sent = run.times(|saw| matches!(saw, Saw::Send(_)));
    let paused = run.times(|saw| matches!(saw, Saw::Paused))[0];
    assert!(sent.iter().all(|at| *at <= paused || *at >= paused + 5000), "{paused} {sent:?}");
}

#[test]
fn a_401_ends_the_run_and_the_row_is_still_to_do() {
    let run = Driver::new(config("25/5s"), (1..=60).map(|n| pending_job(n, n))).run(|row, _| match row {
        3 => status(401),
        _ => created(),
    });
    assert_eq!(run.done(), Some(Stop::Credentials));
    let counts = run.counts();
    assert_eq!((counts.posted, counts.pending), (24, 36));
    assert_eq!(run.sent().len(), 25, "nothing starts after it was read");
}

#[test]
fn what_ends_unknown_is_in_doubt_and_not_sent_again() {
    let run = Driver::new(config("25/5s"), (1..=4).map(|n| pending_job(n, n))).run(|row, _| match row {
        2 => no_reply(),
        3 => status(502),
        _ => created(),
    });
    assert_eq!(run.counts(), Counts { posted: 2, in_doubt: 2, ..Counts::default() });
    assert_eq!(run.sent(), [1, 2, 3, 4]);
}

#[test]
fn a_doubt_that_is_sent_again_survives_all_but_a_post() {
    for (reply, outcome) in [(status(400), Outcome::InDoubt), (status(500), Outcome::InDoubt)] {
        let doubtful = PendingJob { outcome: Outcome::InDoubt, attempts: 1, ..pending_job(1, 7) };
        let run = Driver::new(config("25/5s"), [doubtful]).run(|_, _| reply.clone());
        assert_eq!(run.counts().of(outcome), 1);
    }
    let doubtful = PendingJob { outcome: Outcome::InDoubt, attempts: 1, ..pending_job(1, 7) };
    let run = Driver::new(config("25/5s"), [doubtful]).run(|_, _| created());
    assert_eq!(run.counts().posted, 1);
}

#[test]
fn rows_use_no_tries_up_while_nothing_can_be_sent() {
    let unsent = || Err(Failure::Unsent("refused".to_owned()));
    let run = Driver::new(config("25/5s"), [pending_job(1, 1)]).run(|_, tries| match tries {
        1..=5 => unsent(),
        _ => created(),
    });
    assert_eq!(run.counts().posted, 1);
    let gone = Driver::new(config("25/5s"), [pending_job(1, 1)]).run(|_, _| unsent());
    assert_eq!(gone.done(), Some(Stop::Outage));
    assert_eq!(gone.counts().pending, 1);
}

/// Runs thirty rows whose attempts fail in this way until `ends`.
fn outage(kind: Kind, ends: Duration) -> Driver {
    let mut driver = Driver::new(config("25/5s"), (1..=30).map(|row| pending_job(row, row)));
    driver.answer_from = Some((ends, kind));
    driver.run(|_, _| created())
}

#[test]
fn an_outage_that_ends_in_time_costs_no_row_its_tries_and_one_that_does_not_stops_the_run() {
    let kinds: [Kind; 2] = [|| Err(Failure::Unsent("refused".to_owned())), || status(500)];
    for kind in kinds {
        let cured = outage(kind, Duration::from_secs(50));
        assert_eq!((cured.done(), cured.counts().posted), (None, 30));
        let lasting = outage(kind, Duration::from_secs(600));
        assert_eq!((lasting.done(), lasting.counts().pending), (Some(Stop::Outage), 30));
        assert!(lasting.now >= Duration::from_secs(60) && lasting.now < Duration::from_secs(70), "{:?}", lasting.now);
    }
    for kind in [no_reply, || status(502)] {
        let cured = outage(kind, Duration::from_secs(50));
        let doubts = cured.counts().in_doubt;
        assert!((5..=10).contains(&doubts), "five, and one for each probe: {doubts}");
        assert_eq!((cured.done(), cured.counts().posted), (None, 30 - doubts));
        let lasting = outage(kind, Duration::from_secs(600));
        assert_eq!((lasting.done(), lasting.counts().failed), (Some(Stop::Outage), 0));
        assert!(lasting.counts().pending >= 20, "{:?}", lasting.counts());
    }
}

#[test]
fn a_row_that_the_api_always_fails_at_fails_while_the_others_are_posted() {
    let rows = (1..=60).map(|row| pending_job(row, row));
    let run = Driver::new(config("25/5s"), rows).run(|row, _| if row == 2 { status(500) } else { created() });
    assert_eq!((run.counts().posted, run.counts().failed, run.done()), (59, 1, None));
    assert_eq!(run.sent().iter().filter(|row| **row == 2).count(), 3);
}

#[test]
fn a_row_that_the_api_always_fails_at_does_not_keep_an_outage_from_being_over() {
    let mut driver = Driver::new(config("25/5s"), (1..=30).map(|row| pending_job(row, row)));
    driver.answer_from = Some((Duration::from_secs(12), || status(500)));
    let run = driver.run(|row, _| if row == 1 { status(500) } else { created() });
    assert_eq!((run.counts().posted, run.counts().failed, run.done()), (29, 1, None));
}

#[test]
fn a_stricter_limit_that_the_api_names_is_adopted_and_said_once() {
    let mut limited = 0;
    let run = Driver::new(config("25/5s"), (1..=30).map(|row| pending_job(row, row))).run(|_, _| {
        limited += 1;
        if !(3..=4).contains(&limited) {
            return created();
        }
        Ok(Reply::new(429, "5/5s"))
    });
    assert_eq!((run.counts().posted, run.learned), (30, 1));
    let sent = run.times(|saw| matches!(saw, Saw::Send(_)));
    let after: Vec<u64> = sent.into_iter().filter(|at| *at > 5000).collect();
    assert!(after.windows(6).all(|six| six[5] - six[0] > 5000), "six within a window: {after:?}");
}

#[test]
fn attempts_of_a_row_are_numbered_on_over_its_retries_and_from_run_to_run() {
    let failed_before = PendingJob { outcome: Outcome::Failed, attempts: 4, ..pending_job(1, 1) };
    let run = Driver::new(config("25/5s"), [failed_before, pending_job(2, 2)]).run(|row, tries| match (row, tries) {
        (1, 1 | 2) => status(500),
        _ => created(),
    });
    let of = |wanted: u64| -> Vec<u32> {
        run.numbers.iter().filter(|(row, _)| *row == wanted).map(|(_, attempt)| *attempt).collect()
    };
    assert_eq!((of(1), of(2)), (vec![5, 5, 6, 6, 7, 7], vec![1, 1]), "each intent, and its outcome");
}

#[test]
fn a_try_that_led_to_the_knowledge_of_an_outage_is_given_back() {
    let ends = Duration::from_secs(12);
    let (config, limit) = config("25/5s");
    let mut driver =
        Driver::new((Config { max_attempts: 2, ..config }, limit), (1..=30).map(|row| pending_job(row, row)));
    driver.answer_from = Some((ends, || status(500)));
    let mut fails_again = true;
    let run = driver.run(|row, _| if row == 1 && std::mem::take(&mut fails_again) { status(500) } else { created() });
    assert_eq!((run.counts().posted, run.counts().failed), (30, 0), "one try before the outage, and one after it");
}

#[test]
fn a_404_before_the_first_post_is_the_urls_and_one_after_it_the_rows() {
    let rows = || (1..=3).map(|n| pending_job(n, n));
    let before = Driver::new(config("25/5s"), rows()).run(|_, _| status(404));
    assert_eq!((before.done(), before.counts().pending), (Some(Stop::Endpoint), 3));
    let after = Driver::new(config("25/5s"), rows()).run(|row, _| match row {
        1 => created(),
        _ => status(404),
    });
    assert_eq!((after.done(), after.counts().rejected), (None, 2));
}
