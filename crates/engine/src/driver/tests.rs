//! The driver's single decisions: tests report what happened and check the steps; nothing is performed.

use super::*;
use crate::budget::Wait;
use crate::engine::Waiting;
use crate::engine::tests::fixtures::{config, ms, now, pending_job, status};
use crate::outcome::{Counts, Outcome, VerdictWord};

const HOUR: Duration = Duration::from_secs(3600);
const GRACE: Duration = Duration::from_secs(30);
const TERMINATE: Interrupt = Interrupt(SIGTERM);
const CTRL_C: Interrupt = Interrupt(SIGINT);

/// A driver, its current time and its last requests.
struct Run {
    driver: Driver,
    at: Duration,
    jobs: Vec<(AttemptId, Arc<Job>)>,
    told: Vec<Notice>,
}

impl Run {
    /// A driver with rows 1 to `rows`, each on its own ticket.
    fn of(rows: u64) -> Self {
        let driver = Driver::new(config("25/5s"), GRACE);
        let mut run = Self { driver, at: ms(0), jobs: Vec::new(), told: Vec::new() };
        let offers = (1..=rows).map(|row| Event::Job(pending_job(row, row))).chain([Event::InputEnded(Vec::new())]);
        run.driver.rows(offers, now(ms(0)));
        run
    }

    /// A driver with `rows` rows: the first is posted, `sent` more are in flight, nothing else is.
    fn under_way(rows: u64, sent: u32) -> Self {
        let mut run = Self::of(rows);
        assert_eq!(run.next_ask(), 1, "the first attempt goes alone");
        run.grant(1);
        run.commit_one(Ok(()));
        run.reply(0, 200);
        run.commit_one(Ok(()));
        run.grant(sent);
        run.done_until_idle();
        assert_eq!(run.driver.progress().in_flight as u32, sent);
        run
    }

    /// The next step, without notices and sends, which are kept.
    fn step(&mut self) -> Option<Step> {
        loop {
            match self.driver.next(now(self.at))? {
                Step::Notify(notice) => self.told.push(notice),
                Step::Send(group) => self.jobs.extend(group),
                step => return Some(step),
            }
        }
    }

    /// The records to commit now. The budget grants none of the earlier requests.
    fn group(&mut self) -> Vec<Record> {
        loop {
            match self.step() {
                Some(Step::Commit(group)) => return group,
                Some(Step::Exchange(_)) => self.grant(0),
                other => panic!("{other:?} where records are to be committed"),
            }
        }
    }

    /// Commits everything and grants no slots, until the driver has to wait.
    fn done_until_idle(&mut self) {
        while let Some(step) = self.step() {
            match step {
                Step::Commit(_) => self.driver.committed(Ok(()), now(self.at)),
                Step::Exchange(_) => self.grant(0),
                other => panic!("{other:?}"),
            }
        }
    }

    /// The number of slots that the driver requests now.
    fn next_ask(&mut self) -> u32 {
        match self.step() {
            Some(Step::Exchange(Request { want: Some(want), .. })) => want,
            other => panic!("{other:?} where slots are to be asked for"),
        }
    }

    /// Answers for the budget: grants this many slots, and no more for an hour.
    fn grant(&mut self, granted: u32) {
        if self.driver.awaited.is_none() {
            self.next_ask();
        }
        let wait = Some(Wait::Until(self.at + HOUR));
        self.driver.answered(Ok(Grant { granted, wait }), now(self.at));
    }

    fn commit_one(&mut self, result: Result<(), LedgerError>) {
        if self.driver.committing.is_none() {
            self.group();
        }
        self.driver.committed(result, now(self.at));
    }

    /// Replies to the `nth` attempt sent, at the current time.
    fn reply(&mut self, nth: usize, code: u16) {
        if self.jobs.len() <= nth {
            self.assert_waits();
        }
        let (attempt, _) = &self.jobs[nth];
        self.driver.ended([(*attempt, status(code))], now(self.at));
    }

    fn left(&mut self) -> Left {
        loop {
            match self.step() {
                Some(Step::Done(left)) => return left,
                Some(Step::Commit(_)) => self.driver.committed(Ok(()), now(self.at)),
                Some(Step::Exchange(_)) => self.grant(0),
                other => panic!("{other:?}: the run is not over"),
            }
        }
    }

    #[track_caller]
    fn assert_waits(&mut self) {
        let step = self.step();
        assert!(step.is_none(), "{step:?}");
    }
}

fn rows(records: &[Record]) -> Vec<(&'static str, u64)> {
    let each = records.iter().map(|record| match record {
        Record::Intent(intent) => ("intent", intent.row),
        Record::Outcome(end) => (end.outcome.word(), end.row),
        _ => ("other", 0),
    });
    each.collect()
}

#[test]
fn what_is_recorded_while_a_group_is_committed_makes_the_next_one() {
    let mut run = Run::under_way(9, 3);
    run.reply(1, 200);
    assert_eq!(rows(&run.group()), [("posted", 2)]);
    run.reply(2, 200);
    run.reply(3, 400);
    run.assert_waits();
    run.driver.committed(Ok(()), now(ms(0)));
    assert_eq!(rows(&run.group()), [("posted", 3), ("rejected", 4)]);
    assert_eq!(run.driver.progress().counts.posted, 2, "the second group is not durable yet");
    run.commit_one(Ok(()));
    run.done_until_idle();
    assert_eq!(run.driver.progress().counts, Counts { posted: 3, rejected: 1, pending: 5, ..Counts::default() });
}

#[test]
fn attempts_whose_intents_are_durable_together_are_sent_together() {
    let mut run = Run::under_way(9, 0);
    assert_eq!(run.driver.progress().waiting, Waiting::Limit(HOUR));
    assert_eq!(run.driver.wake_at(), Some(HOUR));
    run.at = HOUR;
    run.grant(4);
    assert_eq!(run.group().len(), 4);
    assert!(run.driver.next(now(run.at)).is_none(), "none is sent before");
    run.driver.committed(Ok(()), now(run.at));
    let sent = loop {
        match run.driver.next(now(run.at)) {
            Some(Step::Send(group)) => break group,
            Some(Step::Notify(_)) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(sent.iter().map(|(_, job)| job.position.record).collect::<Vec<_>>(), [2, 3, 4, 5]);
}

#[test]
fn the_budget_is_asked_one_thing_at_a_time_and_what_comes_up_meanwhile_is_asked_next() {
    let mut run = Run::under_way(9, 1);
    run.at = HOUR;
    assert_eq!(run.next_ask(), 7);
    run.reply(1, 200);
    run.commit_one(Ok(()));
    run.at += ms(100);
    run.assert_waits();
    run.driver.answered(Ok(Grant::default()), now(run.at));
    let Some(Step::Exchange(request)) = run.step() else { panic!("what was given back is still to be told") };
    assert_eq!(request.ended, [(Ended::Answered, HOUR)], "as of the reply's time");
    assert_eq!(request.want, Some(7));
}

#[test]
fn an_answer_to_what_was_only_given_back_grants_nothing() {
    let mut run = Run::under_way(2, 1);
    run.reply(1, 200);
    run.commit_one(Ok(()));
    let Some(Step::Exchange(request)) = run.step() else { panic!("a slot is to be given back") };
    assert_eq!((request.ended.len(), request.want), (1, None));
    run.driver.answered(Ok(Grant { granted: 5, wait: None }), now(run.at));
    assert!(matches!(run.step(), Some(Step::Commit(_))), "the run's last record: there are no slots to be given back");
}

#[test]
fn rows_are_taken_as_they_are_wanted_and_the_rest_of_a_group_waits() {
    let mut driver = Driver::new(config("25/5s"), GRACE);
    assert!(driver.wants_rows());
    driver.rows((1..=1500).map(|row| Event::Job(pending_job(row, row))), now(ms(0)));
    assert_eq!(driver.progress().counts.pending, 1024, "as far as it looks ahead");
    assert!(!driver.wants_rows() && driver.rows.len() == 476);
    driver.interrupted(TERMINATE, now(ms(1)));
    driver.next(now(ms(1)));
    assert_eq!(driver.rows.len(), 476, "a run that ends takes no more");
    assert!(!Run::of(9).driver.wants_rows(), "the input has ended");
}

#[test]
fn an_interrupted_run_awaits_what_is_in_flight_for_its_grace_and_records_the_rest_as_in_doubt() {
    let mut run = Run::under_way(9, 3);
    run.at = ms(1000);
    run.driver.interrupted(TERMINATE, now(run.at));
    run.assert_waits();
    assert_eq!(run.driver.wake_at(), Some(ms(1000) + GRACE));
    run.reply(1, 200);
    run.done_until_idle();
    run.at = ms(999) + GRACE;
    run.assert_waits();
    run.at += ms(1);
    assert!(matches!(run.step(), Some(Step::CutOff)));
    assert_eq!(rows(&run.group()), [("in_doubt", 3), ("in_doubt", 4)]);
    run.driver.committed(Ok(()), now(run.at));
    let left = run.left();
    assert_eq!((left.stopped, left.interrupt, left.at_once), (Some(Stop::Interrupted), Some(TERMINATE), false));
    assert_eq!(left.progress.counts, Counts { posted: 2, in_doubt: 2, pending: 5, ..Counts::default() });
    assert!(left.is_recorded && left.closes_ledger());
}

#[test]
fn a_second_signal_within_a_second_changes_nothing() {
    let mut run = Run::under_way(9, 3);
    run.driver.interrupted(TERMINATE, now(ms(1000)));
    run.at = ms(1999);
    run.driver.interrupted(TERMINATE, now(run.at));
    run.driver.interrupted(CTRL_C, now(run.at));
    run.assert_waits();
    assert_eq!(run.driver.wake_at(), Some(ms(1000) + GRACE), "as the first one had it");
    for nth in 1..=3 {
        run.reply(nth, 200);
    }
    let left = run.left();
    assert_eq!((left.stopped, left.at_once), (Some(Stop::Interrupted), false));
    assert_eq!(left.progress.counts, Counts { posted: 4, pending: 5, ..Counts::default() });
}

#[test]
fn a_second_signal_a_second_later_ends_the_run_at_once() {
    let mut run = Run::under_way(9, 3);
    run.driver.interrupted(TERMINATE, now(ms(1000)));
    run.reply(1, 200);
    // Its outcome is not written.
    run.driver.interrupted(CTRL_C, now(ms(2000)));
    run.at = ms(2000);
    assert!(matches!(run.step(), Some(Step::CutOff)));
    let Some(Step::Done(left)) = run.step() else { panic!("nothing is waited for") };
    assert_eq!((left.stopped, left.interrupt, left.at_once), (Some(Stop::Interrupted), Some(TERMINATE), true));
    assert_eq!(left.progress.counts, Counts { posted: 1, in_doubt: 3, pending: 5, ..Counts::default() });
    assert!(left.is_recorded && !left.closes_ledger());
}

/// A run that ends at once during a commit of the outcome of row 2 and the intents of two other rows. One
/// more attempt is in flight.
fn at_once_within_a_commit() -> Run {
    let mut run = Run::under_way(9, 2);
    run.at = HOUR;
    run.grant(2);
    run.reply(1, 200);
    assert_eq!(rows(&run.group()), [("posted", 2), ("intent", 4), ("intent", 5)]);
    run.driver.interrupted(CTRL_C, now(run.at));
    run.at += DELIBERATE_AFTER;
    run.driver.interrupted(CTRL_C, now(run.at));
    assert!(matches!(run.step(), Some(Step::CutOff)));
    run.assert_waits();
    assert_eq!(run.driver.wake_at(), Some(run.at + COMMIT_PATIENCE));
    run
}

#[test]
fn a_run_that_ends_at_once_hears_how_its_commit_went_and_counts_what_the_ledger_has() {
    let mut run = at_once_within_a_commit();
    run.driver.committed(Ok(()), now(run.at));
    let Some(Step::Done(left)) = run.step() else { panic!("nothing else is waited for") };
    assert!(left.at_once && left.is_recorded);
    assert_eq!(left.progress.counts, Counts { posted: 2, in_doubt: 3, pending: 4, ..Counts::default() });
    assert_eq!(left.progress.attempts, 5, "two of them were not sent, and the ledger has them");
    assert_eq!(run.jobs.len(), 3);
    let told = matches!(run.told.last(), Some(Notice::Settled { row: 2, outcome: Outcome::Posted, .. }));
    assert!(told, "the row is reported before the end: {:?}", run.told);
}

#[test]
fn a_commit_that_hangs_is_not_waited_for_and_the_counts_are_what_is_known() {
    let mut run = at_once_within_a_commit();
    run.at += COMMIT_PATIENCE;
    let Some(Step::Done(left)) = run.step() else { panic!("it is waited for no longer") };
    assert!(left.at_once && !left.is_recorded);
    assert_eq!(left.progress.counts, Counts { posted: 1, in_doubt: 2, pending: 6, ..Counts::default() });
}

#[test]
fn a_ledger_that_fails_while_a_run_ends_at_once_is_why_it_ended() {
    let mut run = at_once_within_a_commit();
    run.driver.committed(Err(LedgerError::Poisoned), now(run.at));
    let left = run.left();
    assert_eq!((left.stopped, left.is_recorded), (Some(Stop::Ledger), false));
    let unwritten = |notice: &Notice| matches!(notice, Notice::Unwritten { row: 2, verdict: VerdictWord::Posted, .. });
    assert!(run.told.iter().any(unwritten), "{:?}", run.told);
}

#[test]
fn after_an_error_of_the_ledger_nothing_is_sent_or_written_and_what_is_in_flight_is_awaited() {
    let mut run = Run::under_way(9, 3);
    run.at = HOUR;
    run.grant(2);
    run.reply(1, 200);
    run.group();
    run.reply(2, 200);
    run.assert_waits();
    run.driver.committed(Err(LedgerError::Poisoned), now(run.at));
    while let Some(step) = run.step() {
        assert!(matches!(step, Step::Exchange(_)), "{step:?}");
        run.driver.answered(Ok(Grant { granted: 0, wait: None }), now(run.at));
    }
    run.reply(3, 200);
    let left = run.left();
    assert_eq!((left.stopped, left.is_recorded, left.closes_ledger()), (Some(Stop::Ledger), false, false));
    assert_eq!(run.jobs.len(), 4, "sent after the error");
    let unwritten = run.told.iter().filter_map(|notice| match notice {
        Notice::Unwritten { row, verdict, .. } => Some((*row, *verdict)),
        _ => None,
    });
    let posted = |row| (row, VerdictWord::Posted);
    let withdrawn = |row| (row, VerdictWord::Withdrawn);
    assert_eq!(unwritten.collect::<Vec<_>>(), [posted(2), withdrawn(5), withdrawn(6), posted(3), posted(4)]);
    assert_eq!(left.progress.counts, Counts { posted: 1, in_doubt: 3, pending: 5, ..Counts::default() });
}

#[test]
fn attempts_that_were_taken_back_count_where_the_ledger_has_no_word_of_it() {
    for (result, attempts, in_doubt) in [(Ok(()), 2, 0), (Err(LedgerError::Poisoned), 4, 2)] {
        let mut run = Run::under_way(9, 1);
        run.reply(1, 200);
        run.commit_one(Ok(()));
        run.grant(2);
        assert_eq!(rows(&run.group()), [("intent", 3), ("intent", 4)]);
        run.driver.interrupted(TERMINATE, now(run.at));
        run.driver.committed(Ok(()), now(run.at));
        assert_eq!(rows(&run.group()), [("pending", 3), ("pending", 4)], "they are not sent any more");
        run.driver.committed(result, now(run.at));
        let progress = run.left().progress;
        assert_eq!((progress.attempts, progress.counts.in_doubt), (attempts, in_doubt));
    }
}

#[test]
fn attempts_that_were_limited_count_when_the_ledger_has_them() {
    let mut run = Run::under_way(9, 2);
    run.reply(1, 429);
    run.group();
    assert_eq!(run.driver.progress().limited, 0);
    run.driver.committed(Ok(()), now(run.at));
    assert_eq!(run.driver.progress().limited, 1);
    run.reply(2, 429);
    run.group();
    run.driver.committed(Err(LedgerError::Poisoned), now(run.at));
    assert_eq!(run.left().progress.limited, 1);
}

#[test]
fn a_transport_that_is_lost_leaves_what_it_had_in_doubt_and_ends_the_run() {
    let mut run = Run::under_way(9, 3);
    run.driver.transport_lost(now(run.at));
    assert!(matches!(run.step(), Some(Step::CutOff)));
    let left = run.left();
    assert_eq!((left.stopped, left.interrupt), (Some(Stop::Interrupted), None));
    assert_eq!(left.progress.counts, Counts { posted: 1, in_doubt: 3, pending: 5, ..Counts::default() });
}

#[test]
fn a_budget_that_fails_ends_the_run() {
    let mut run = Run::of(3);
    run.next_ask();
    run.driver.answered(Err(BudgetError("no space".to_owned())), now(ms(1)));
    assert_eq!(run.left().stopped, Some(Stop::Limited));
}

#[test]
fn what_the_budget_was_not_told_is_left_over_at_the_end() {
    let mut run = Run::under_way(3, 2);
    run.reply(1, 200);
    run.commit_one(Ok(()));
    assert!(matches!(run.step(), Some(Step::Exchange(_))), "a slot is given back, and the answer takes its time");
    run.at = ms(70);
    run.reply(2, 200);
    let left = run.left();
    assert_eq!(left.ended, [(Ended::Answered, ms(70))]);
    assert_eq!((left.stopped, left.progress.counts.posted), (None, 3));
}
