use super::*;

const UNKNOWN: Verdict = Verdict::Unknown;
const REJECTED: Verdict = Verdict::Rejected { suspicious: false };
const AGAIN: Verdict = Verdict::Again { retry_after: None };
const LIMITED: Verdict = Verdict::Limited { retry_after: None, named: None };

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn health() -> Health {
    Health::new(s(5), s(60))
}

/// Starts and ends one attempt at a time.
fn notify(health: &mut Health, id: u64, verdict: &Verdict, at: u64) -> Advice {
    assert!(health.may_start());
    health.started(AttemptId(id));
    health.on_verdict(AttemptId(id), id, verdict, s(at))
}

#[test]
fn the_first_attempt_goes_alone_until_it_is_understood() {
    let mut health = health();
    health.started(AttemptId(1));
    assert!(!health.may_start());
    health.on_verdict(AttemptId(1), 1, &UNKNOWN, s(1));
    health.started(AttemptId(2));
    assert!(!health.may_start());
    health.on_verdict(AttemptId(2), 2, &AGAIN, s(2));
    health.started(AttemptId(3));
    assert!(health.may_start());
}

#[test]
fn limited_pauses_double_and_a_post_resets_them() {
    let mut health = health();
    assert_eq!(notify(&mut health, 1, &LIMITED, 0), Advice::Pause(Cause::Limited, s(5)));
    assert_eq!(notify(&mut health, 2, &LIMITED, 5), Advice::Pause(Cause::Limited, s(10)));
    assert_eq!(notify(&mut health, 3, &LIMITED, 15), Advice::Pause(Cause::Limited, s(20)));
    assert_eq!(notify(&mut health, 4, &Verdict::Posted, 35), Advice::GoOn);
    assert_eq!(notify(&mut health, 5, &LIMITED, 36), Advice::Pause(Cause::Limited, s(5)));
    for (id, at) in (6..20).zip((100..).step_by(1)) {
        notify(&mut health, id, &LIMITED, at);
    }
    assert_eq!(notify(&mut health, 30, &LIMITED, 3000), Advice::Pause(Cause::Limited, s(900)));
}

#[test]
fn limited_replies_of_one_burst_make_one_pause() {
    let mut health = health();
    notify(&mut health, 0, &Verdict::Posted, 0);
    for id in 1..=3 {
        health.started(AttemptId(id));
    }
    assert_eq!(health.on_verdict(AttemptId(1), 1, &LIMITED, s(1)), Advice::Pause(Cause::Limited, s(5)));
    health.on_verdict(AttemptId(2), 2, &LIMITED, s(1));
    health.on_verdict(AttemptId(3), 3, &LIMITED, s(2));
    assert_eq!(health.pause(s(2)), Some((Cause::Limited, s(7))), "no longer than a window after the last of them");
    assert_eq!(notify(&mut health, 4, &Verdict::Posted, 20), Advice::GoOn);
    assert_eq!(notify(&mut health, 5, &LIMITED, 21), Advice::Pause(Cause::Limited, s(5)));
}

#[test]
fn a_late_answer_does_not_end_a_pause_nor_an_outage() {
    for (bad, failing) in [(LIMITED, 1), (UNKNOWN, 5)] {
        let mut health = health();
        notify(&mut health, 0, &Verdict::Posted, 0);
        for id in 1..=6 {
            health.started(AttemptId(id));
        }
        for id in 1..=failing {
            health.on_verdict(AttemptId(id), id, &bad, s(1));
        }
        let outage = health.is_outage();
        for verdict in [REJECTED, Verdict::Posted] {
            assert_eq!(health.on_verdict(AttemptId(6), 6, &verdict, s(2)), Advice::GoOn);
            assert!(health.is_alone() && health.pause(s(2)).is_some(), "{verdict:?} was sent before the pause");
            assert_eq!(health.is_outage(), outage);
        }
        assert_eq!(notify(&mut health, 7, &REJECTED, 60), Advice::GoOn);
        assert!(!health.is_alone() && !health.is_outage(), "that was the probe");
    }
}

#[test]
fn replies_without_an_answer_to_what_was_sent_before_a_pause_are_no_outage() {
    let mut health = health();
    notify(&mut health, 0, &Verdict::Posted, 0);
    for id in 1..=6 {
        health.started(AttemptId(id));
    }
    health.on_verdict(AttemptId(1), 1, &LIMITED, s(1));
    for id in 2..=6 {
        assert_eq!(health.on_verdict(AttemptId(id), id, &UNKNOWN, s(2)), Advice::GoOn);
    }
    assert!(!health.is_outage());
    assert_eq!(health.pause(s(2)), Some((Cause::Limited, s(6))));
}

#[test]
fn what_the_api_asks_for_holds_and_more_than_an_hour_ends_the_run() {
    let mut health = health();
    let asks = |seconds| Verdict::Limited { retry_after: Some(s(seconds)), named: None };
    assert_eq!(notify(&mut health, 1, &asks(77), 0), Advice::Pause(Cause::Limited, s(77)));
    assert_eq!(notify(&mut health, 2, &asks(3600), 77), Advice::Pause(Cause::Limited, s(3600)));
    assert!(matches!(notify(&mut health, 3, &asks(3601), 78), Advice::Stop(Stop::Limited, _)));
}

#[test]
fn the_window_that_the_message_names_is_waited_for() {
    let named = Verdict::Limited { retry_after: None, named: Some("100/1m".parse().unwrap()) };
    assert_eq!(notify(&mut health(), 1, &named, 0), Advice::Pause(Cause::Limited, s(60)));
}

#[test]
fn a_window_of_more_than_an_hour_ends_the_run() {
    let named = Verdict::Limited { retry_after: None, named: Some("10000/1d".parse().unwrap()) };
    assert!(matches!(notify(&mut health(), 1, &named, 0), Advice::Stop(Stop::Limited, _)));
}

#[test]
fn an_hour_of_limits_without_a_post_ends_the_run() {
    let mut health = health();
    notify(&mut health, 1, &LIMITED, 0);
    assert!(matches!(notify(&mut health, 2, &LIMITED, 3599), Advice::Pause(..)));
    assert!(matches!(notify(&mut health, 3, &LIMITED, 3600), Advice::Stop(Stop::Limited, _)));
}

#[test]
fn five_unknowns_pause_and_probes_go_on_until_it_is_given_up() {
    let mut health = health();
    for id in 0..4 {
        assert_eq!(notify(&mut health, id, &UNKNOWN, id), Advice::GoOn);
    }
    assert_eq!(notify(&mut health, 4, &UNKNOWN, 4), Advice::Pause(Cause::Unclear, s(5)));
    assert_eq!(notify(&mut health, 5, &UNKNOWN, 9), Advice::Pause(Cause::Unclear, s(10)));
    assert_eq!(notify(&mut health, 6, &UNKNOWN, 19), Advice::Pause(Cause::Unclear, s(20)));
    assert_eq!(notify(&mut health, 7, &UNKNOWN, 39), Advice::Pause(Cause::Unclear, s(21)), "what is left of a minute");
    assert!(matches!(notify(&mut health, 8, &UNKNOWN, 60), Advice::Stop(Stop::Outage, _)));
}

#[test]
fn pauses_of_an_outage_double_up_to_a_minute() {
    let mut health = Health::new(s(5), s(3600));
    let mut at = 0;
    let mut pauses = Vec::new();
    for id in 0..13 {
        if let Advice::Pause(Cause::Unreachable, pause) = notify(&mut health, id, &Verdict::Unsent, at) {
            at += pause.as_secs();
            pauses.push(pause.as_secs());
        }
    }
    assert_eq!(pauses, [5, 10, 20, 40, 60, 60, 60, 60, 60, 60, 60]);
}

#[test]
fn without_patience_the_first_probe_that_fails_ends_the_run() {
    let mut health = Health::new(s(5), s(0));
    notify(&mut health, 1, &Verdict::Unsent, 1);
    notify(&mut health, 2, &Verdict::Unsent, 1);
    assert_eq!(notify(&mut health, 3, &Verdict::Unsent, 1), Advice::Pause(Cause::Unreachable, s(0)));
    assert!(matches!(notify(&mut health, 4, &Verdict::Unsent, 1), Advice::Stop(Stop::Outage, _)));
}

#[test]
fn an_answer_between_them_ends_the_row_of_unknowns_and_the_outage() {
    let mut health = health();
    notify(&mut health, 100, &Verdict::Posted, 0);
    for id in 0..20 {
        let verdict = if id % 5 == 4 { REJECTED } else { UNKNOWN };
        assert_eq!(notify(&mut health, id, &verdict, id), Advice::GoOn);
    }
    for id in 20..25 {
        notify(&mut health, id, &UNKNOWN, id);
    }
    assert!(health.pause(s(24)).is_some());
    notify(&mut health, 26, &AGAIN, 30);
    assert!(health.is_outage(), "that the API has failed is no better");
    notify(&mut health, 27, &REJECTED, 50);
    assert!(!health.is_outage());
}

/// Makes an attempt of a row at which the API fails.
fn fail(health: &mut Health, id: u64, row: WorkId, at: u64) -> Advice {
    health.started(AttemptId(id));
    health.on_verdict(AttemptId(id), row, &AGAIN, s(at))
}

#[test]
fn an_api_that_fails_at_five_rows_is_out_of_order_and_their_tries_are_given_back() {
    let mut health = health();
    notify(&mut health, 0, &Verdict::Posted, 0);
    for (id, row) in [(1, 1), (2, 2), (3, 1), (4, 3), (5, 4), (6, 1)] {
        assert_eq!(fail(&mut health, id, row, id), Advice::GoOn);
    }
    assert!(health.take_refundable().is_empty(), "not before it is known");
    assert_eq!(fail(&mut health, 7, 5, 7), Advice::Pause(Cause::Failing, s(5)));
    assert_eq!(health.take_refundable(), BTreeMap::from([(1, 3), (2, 1), (3, 1), (4, 1), (5, 0)]));
    assert!(health.take_refundable().is_empty(), "once");
    assert_eq!(fail(&mut health, 8, 1, 12), Advice::Pause(Cause::Failing, s(10)));
}

#[test]
fn fewer_rows_that_the_api_always_fails_at_are_no_outage() {
    let mut health = health();
    for id in 0..100 {
        assert_eq!(fail(&mut health, id, id % 4, id), Advice::GoOn);
    }
    for id in 100..200 {
        fail(&mut health, id, id, id);
        assert_eq!(notify(&mut health, 1000 + id, &Verdict::Posted, id), Advice::GoOn);
    }
}

#[test]
fn a_server_that_is_down_and_says_when_to_come_back_is_left_alone_until_then() {
    let mut health = Health::new(s(5), s(900));
    let busy = Verdict::Again { retry_after: Some(s(120)) };
    for id in 0..4 {
        notify(&mut health, id, &busy, 0);
    }
    assert_eq!(notify(&mut health, 4, &busy, 0), Advice::Pause(Cause::Failing, s(120)));
}

#[test]
fn three_attempts_that_could_not_be_sent_pause() {
    let mut health = health();
    assert_eq!(notify(&mut health, 1, &Verdict::Unsent, 1), Advice::GoOn);
    assert_eq!(notify(&mut health, 2, &Verdict::Unsent, 2), Advice::GoOn);
    assert_eq!(notify(&mut health, 3, &Verdict::Unsent, 3), Advice::Pause(Cause::Unreachable, s(5)));
}

#[test]
fn a_burst_that_times_out_is_one_outage_not_many_failed_probes() {
    let mut health = health();
    notify(&mut health, 0, &Verdict::Posted, 0);
    for id in 1..=25 {
        health.started(AttemptId(id));
    }
    for id in 1..=25 {
        assert!(!matches!(health.on_verdict(AttemptId(id), id, &UNKNOWN, s(30)), Advice::Stop(..)));
    }
    assert_eq!(health.outage, Some(Outage { since: s(30), failed_probes: 0 }));
    assert_eq!(health.pause(s(30)), Some((Cause::Unclear, s(35))));
}

#[test]
fn twenty_five_rejections_before_any_post_stop_and_after_one_do_not() {
    let mut fresh = health();
    for id in 0..24 {
        assert_eq!(notify(&mut fresh, id, &REJECTED, id), Advice::GoOn);
    }
    assert!(matches!(notify(&mut fresh, 24, &REJECTED, 24), Advice::Stop(Stop::Refused, _)));
    let mut proven = health();
    notify(&mut proven, 0, &Verdict::Posted, 0);
    for id in 1..100 {
        assert_eq!(notify(&mut proven, id, &REJECTED, id), Advice::GoOn);
    }
}

#[test]
fn five_suspicious_rejections_without_a_post_between_them_stop() {
    let suspicious = Verdict::Rejected { suspicious: true };
    let mut health = health();
    notify(&mut health, 0, &Verdict::Posted, 0);
    for id in 1..5 {
        assert_eq!(notify(&mut health, id, &suspicious, id), Advice::GoOn);
    }
    notify(&mut health, 5, &Verdict::Posted, 5);
    for id in 6..10 {
        assert_eq!(notify(&mut health, id, &suspicious, id), Advice::GoOn);
    }
    notify(&mut health, 10, &REJECTED, 10);
    assert!(matches!(notify(&mut health, 11, &suspicious, 11), Advice::Stop(Stop::Endpoint, _)));
}
