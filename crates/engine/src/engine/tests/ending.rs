//! How a run that ends early treats attempts that have started.

use super::*;

#[test]
fn intents_that_became_durable_during_a_pause_are_taken_back() {
    assert_taken_back_after(|engine, sent| engine.handle(Event::Ended(sent, status(429)), now(ms(3))));
}

#[test]
fn intents_that_became_durable_after_a_stop_are_taken_back() {
    assert_taken_back_after(|engine, sent| engine.handle(Event::Ended(sent, status(401)), now(ms(3))));
    assert_taken_back_after(|engine, _| engine.handle(Event::Interrupted, now(ms(3))));
}

/// `event` happens while one attempt is in flight and another's intent is being made durable.
#[track_caller]
fn assert_taken_back_after(event: impl FnOnce(&mut Engine, AttemptId)) {
    let mut engine = Engine::new(config("25/5s"));
    for row in 1..=3 {
        engine.handle(Event::Job(pending_job(row, row)), now(ms(0)));
    }
    engine.next_action(now(ms(0)));
    engine.handle(Event::Committed(1), now(ms(0)));
    let Some(Action::Send(first, _)) = engine.next_action(now(ms(0))) else { panic!() };
    engine.handle(Event::Ended(first, created()), now(ms(1)));
    while engine.next_action(now(ms(1))).is_some() {}
    // Two intents are written; only the first is durable, and is sent.
    engine.handle(Event::Committed(3), now(ms(2)));
    let mut sent = Vec::new();
    while let Some(action) = engine.next_action(now(ms(2))) {
        if let Action::Send(id, _) = action {
            sent.push(id);
        }
    }
    event(&mut engine, sent[0]);
    engine.handle(Event::Committed(4), now(ms(3)));
    let mut withdrawn = 0;
    while let Some(action) = engine.next_action(now(ms(3))) {
        match action {
            Action::Send(..) => panic!("nothing is sent after that"),
            Action::Write(Record::Outcome(end)) if end.verdict == VerdictWord::Withdrawn => {
                assert_eq!(end.outcome, Outcome::Pending);
                withdrawn += 1;
            }
            _ => {}
        }
    }
    assert_eq!(withdrawn, 1);
}

#[test]
fn an_interrupted_run_awaits_what_is_in_flight() {
    let mut run = Driver::new(config("25/5s"), (1..=10).map(|n| pending_job(n, n)));
    run.settle();
    run.engine.handle(Event::Interrupted, now(ms(1)));
    let run = run.run(|_, _| created());
    assert_eq!(run.done(), Some(Stop::Interrupted));
    assert_eq!((run.counts().posted, run.counts().pending), (1, 9));
}

#[test]
fn what_is_not_waited_for_is_in_doubt() {
    let mut run = Driver::new(config("25/5s"), [pending_job(1, 1)]);
    run.settle();
    run.engine.handle(Event::Interrupted, now(ms(1)));
    run.engine.handle(Event::GraceOver, now(ms(2)));
    let run = run.run(|_, _| created());
    assert_eq!(run.counts().in_doubt, 1);
}

#[test]
fn after_an_error_from_the_ledger_nothing_is_sent_and_what_was_answered_is_told() {
    let mut run = Driver::new(config("25/5s"), (1..=10).map(|n| pending_job(n, n)));
    run.settle();
    run.engine.handle(Event::LedgerFailed("disk full".to_owned()), now(ms(1)));
    let run = run.run(|_, _| created());
    assert_eq!(run.done(), Some(Stop::Ledger));
    assert_eq!(run.sent(), [1]);
    assert!(run.saw.iter().any(|(_, saw)| *saw == Saw::Unwritten(1)));
    assert!(!run.saw.iter().any(|(_, saw)| matches!(saw, Saw::Settled(..) | Saw::End(..))));
}

#[test]
fn a_slot_is_given_back_when_its_attempts_end_is_durable_and_without_a_reply_when_it_never_will_be() {
    let spent = |is_durable: bool| {
        let mut engine = crate::engine::Engine::new(config("25/5s").0);
        let given_back = |engine: &mut crate::engine::Engine, at| {
            let actions: Vec<Action> = std::iter::from_fn(|| engine.next_action(now(ms(at)))).collect();
            let given_back = actions.into_iter().filter_map(|action| match action {
                Action::GiveBack(how, at) => Some((how, at)),
                _ => None,
            });
            given_back.collect::<Vec<_>>()
        };
        engine.handle(Event::Job(pending_job(1, 7)), now(ms(0)));
        engine.handle(Event::InputEnded(Vec::new()), now(ms(0)));
        given_back(&mut engine, 0);
        engine.handle(Event::Slots(Grant { granted: 1, wait: None }), now(ms(0)));
        given_back(&mut engine, 0);
        engine.handle(Event::Committed(1), now(ms(1)));
        let Some(Action::Send(id, _)) = engine.next_action(now(ms(1))) else { panic!("a durable intent is sent") };
        engine.handle(Event::Ended(id, created()), now(ms(3)));
        assert_eq!(given_back(&mut engine, 4), [], "its end is not durable yet");
        let then = if is_durable { Event::Committed(2) } else { Event::LedgerFailed("disk full".to_owned()) };
        engine.handle(then, now(ms(5)));
        given_back(&mut engine, 5)
    };
    assert_eq!(spent(true), [(Ended::Answered, ms(3))]);
    assert_eq!(spent(false), [(Ended::Silent, ms(3))]);
}

#[test]
fn a_run_that_is_abandoned_counts_each_row_once() {
    let mut engine = Engine::new(config("25/5s"));
    let drain = |engine: &mut Engine, at: u64| {
        let mut sent = Vec::new();
        while let Some(action) = engine.next_action(now(ms(at))) {
            if let Action::Send(id, _) = action {
                sent.push(id);
            }
        }
        sent
    };
    for row in 1..=3 {
        engine.handle(Event::Job(pending_job(row, row)), now(ms(0)));
    }
    drain(&mut engine, 0);
    engine.handle(Event::Committed(1), now(ms(1)));
    let first = drain(&mut engine, 1)[0];
    // A slow sync: the intent of the first row's retry is written before the end of its first attempt is
    // durable.
    engine.handle(Event::Ended(first, status(500)), now(ms(2)));
    drain(&mut engine, 2);
    drain(&mut engine, 5000);
    engine.handle(Event::Abandoned, now(ms(5001)));
    assert_eq!(engine.progress().counts, Counts { pending: 2, in_doubt: 1, ..Counts::default() });
}

#[test]
fn the_first_reason_to_stop_is_the_runs() {
    let mut run = Driver::new(config("25/5s"), (1..=10).map(|n| pending_job(n, n)));
    run.engine.handle(Event::BudgetFailed("no space".to_owned()), now(ms(0)));
    run.engine.handle(Event::Interrupted, now(ms(0)));
    let run = run.run(|_, _| created());
    assert_eq!(run.done(), Some(Stop::Limited));
}

#[test]
fn a_run_whose_last_record_is_being_written_is_over_and_not_stopped_any_more() {
    let mut engine = crate::engine::Engine::new(config("25/5s").0);
    engine.handle(Event::InputEnded(Vec::new()), now(ms(0)));
    let Some(Action::Write(Record::Finish(finish))) = engine.next_action(now(ms(0))) else {
        panic!("nothing is to do")
    };
    assert_eq!(finish.stopped, None);
    engine.handle(Event::Interrupted, now(ms(1)));
    assert!(engine.next_action(now(ms(1))).is_none(), "its record says how it ended");
    engine.handle(Event::Committed(1), now(ms(2)));
    assert!(matches!(engine.next_action(now(ms(2))), Some(Action::Done(None))));
}
