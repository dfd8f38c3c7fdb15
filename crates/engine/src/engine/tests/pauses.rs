//! The pauses that the engine records.

use super::*;

/// Short forms of the recorded pauses, with times in milliseconds.
fn told(run: &Driver) -> Vec<String> {
    let ms = |us: u64| us / 1000;
    let told = |record: &Record| match record {
        Record::Pause(Paused { at_us, cause, wait_us, asked_us, row, reply, .. }) => {
            assert!(!reply.is_empty());
            let asked = asked_us.map(|asked| format!(", asked {}", ms(asked))).unwrap_or_default();
            format!("{}: {} for {} by row {row}{asked}", ms(*at_us), cause.word(), ms(*wait_us))
        }
        Record::Resumed(Resumed { at_us, row, verdict, .. }) => format!("{}: row {row} {verdict}", ms(*at_us)),
        other => panic!("{other:?}"),
    };
    run.pauses.iter().map(told).collect()
}

fn rows(count: u64) -> impl Iterator<Item = PendingJob> {
    (1..=count).map(|row| pending_job(row, row))
}

#[test]
fn a_pause_is_recorded_with_its_cause_and_length_and_then_what_the_first_attempt_found() {
    let run = Driver::new(config("25/5s"), rows(3)).run(|row, tries| match (row, tries) {
        (2, 1) => status(429),
        (2, 2) => Ok(Reply::new(429, "").with("Retry-After", "7")),
        _ => created(),
    });
    let first = "200: limited for 5000 by row 2";
    assert_eq!(
        told(&run),
        [first, "5200: row 2 limited", "5300: limited for 7000 by row 2, asked 7000", "12300: row 2 posted"]
    );
}

#[test]
fn each_cause_is_recorded_as_what_it_is() {
    let kinds: [(Kind, &str); 3] = [
        (|| Err(Failure::Unsent("refused".to_owned())), "unreachable"),
        (no_reply, "unclear"),
        (|| Ok(Reply::new(503, "").with("Retry-After", "20")), "failing"),
    ];
    for (kind, cause) in kinds {
        let mut driver = Driver::new(config("25/5s"), rows(30));
        driver.answer_from = Some((Duration::from_secs(15), kind));
        let told = told(&driver.run(|_, _| created()));
        assert!(told.iter().step_by(2).all(|pause| pause.contains(cause)), "{told:?}");
        assert!(told.len() >= 2 && told.len().is_multiple_of(2), "{told:?}");
        assert!(told.last().unwrap().ends_with("posted"), "{told:?}");
        assert_eq!(told[0].contains("asked 20000"), cause == "failing", "{told:?}");
    }
}

#[test]
fn a_run_that_pauses_for_nothing_records_no_pause_and_one_that_ends_in_a_pause_no_end_of_it() {
    let run = Driver::new(config("25/5s"), rows(60)).run(|row, _| match row {
        7 => status(400),
        8 => no_reply(),
        _ => created(),
    });
    assert!(told(&run).is_empty());

    let mut driver = Driver::new(config("25/5s"), rows(3));
    driver.settle();
    let (_, id, ..) = driver.flying.remove(0);
    driver.engine.handle(Event::Ended(id, status(429)), now(ms(100)));
    driver.now = ms(200);
    driver.engine.handle(Event::Interrupted, now(driver.now));
    let run = driver.run(|_, _| panic!("nothing is sent after an interrupt"));
    assert_eq!(told(&run), ["100: limited for 5000 by row 1"]);
}

#[test]
fn an_attempt_that_was_withdrawn_has_found_nothing() {
    let mut engine = Engine::new(config("25/5s"));
    engine.handle(Event::Job(pending_job(1, 1)), now(ms(0)));
    engine.pause = Some(Recorded::Paused);
    assert!(matches!(engine.next_action(now(ms(0))), Some(Action::Write(Record::Intent(_)))));
    assert!(matches!(engine.pause, Some(Recorded::Probing(..))));
    engine.handle(Event::Interrupted, now(ms(1)));
    engine.handle(Event::Committed(1), now(ms(2)));
    while let Some(action) = engine.next_action(now(ms(3))) {
        assert!(!matches!(action, Action::Write(Record::Resumed(_))));
    }
    assert_eq!(engine.pause, Some(Recorded::Paused));
}
