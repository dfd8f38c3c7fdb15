//! Which decisions about a row are allowed, and the state after a decision is undone.

use super::*;
use crate::job::KeyMap;

/// The batch and the histories of a ledger with these records of row 1.
fn known(records: &[Record]) -> (Batch, KeyMap<History>) {
    let (mut ledger, ..) = Ledger::open(begun()).unwrap();
    ledger.commit(records).unwrap();
    let written = ledger.close().unwrap();
    (inspect(&written).unwrap().0, histories(&written, u64::MAX, |_| true).unwrap())
}

fn decide(records: &[Record], decision: Decision) -> Result<(Outcome, Outcome), SettleError> {
    let (batch, histories) = known(records);
    let decided = Decided { key: key(1), decision, attempts: None, contradicts: None };
    let settled = settle(&batch, &histories, decided)?;
    assert_eq!((settled.row, settled.key), (1, key(1)));
    Ok((settled.was, settled.outcome))
}

/// Applies the decision as a settlement would record it.
fn and_decided(records: &[Record], decision: Decision) -> Vec<Record> {
    let (was, outcome) = decide(records, decision).unwrap();
    [records, &[settlement(vec![Settled { row: 1, key: key(1), was, outcome }])]].concat()
}

fn in_doubt() -> Vec<Record> {
    vec![intent(1), outcome(1, VerdictWord::Unknown, Outcome::InDoubt)]
}

fn excluded(outcome: Outcome) -> Vec<Record> {
    vec![Record::Excluded(ExcludedRow { row: 1, line: 2, key: key(1), ticket: None, outcome, why: "why".to_owned() })]
}

use Decision::{Posted, ToDo, Undone, Waived};

#[test]
fn each_decision_leads_from_where_a_row_stands_to_where_it_says_or_is_refused() {
    let rejected = vec![intent(1), outcome(1, VerdictWord::Rejected, Outcome::Rejected)];
    let posted_by_the_api = vec![intent(1), posted(1)];
    let pending = vec![intent(1), outcome(1, VerdictWord::Limited, Outcome::Pending)];
    for (records, decision, expected) in [
        (in_doubt(), Posted, Ok((Outcome::InDoubt, Outcome::Posted))),
        (in_doubt(), ToDo, Ok((Outcome::InDoubt, Outcome::Pending))),
        (in_doubt(), Waived, Ok((Outcome::InDoubt, Outcome::Skipped))),
        (rejected.clone(), ToDo, Ok((Outcome::Rejected, Outcome::Pending))),
        (rejected, Posted, Ok((Outcome::Rejected, Outcome::Posted))),
        (excluded(Outcome::Held), Waived, Ok((Outcome::Held, Outcome::Skipped))),
        (posted_by_the_api.clone(), Posted, Err(SettleError::Already(Outcome::Posted))),
        (posted_by_the_api.clone(), ToDo, Err(SettleError::Posted)),
        (posted_by_the_api, Waived, Err(SettleError::Posted)),
        (pending.clone(), ToDo, Err(SettleError::Already(Outcome::Pending))),
        (pending, Posted, Ok((Outcome::Pending, Outcome::Posted))),
        (excluded(Outcome::Invalid), Posted, Err(SettleError::Invalid)),
        (excluded(Outcome::Invalid), ToDo, Err(SettleError::Invalid)),
        (excluded(Outcome::Invalid), Waived, Ok((Outcome::Invalid, Outcome::Skipped))),
        (excluded(Outcome::Skipped), Waived, Err(SettleError::Already(Outcome::Skipped))),
        (vec![intent(2)], Waived, Err(SettleError::Unknown)),
    ] {
        assert_eq!(decide(&records, decision), expected, "{decision:?} of {records:?}");
    }
}

#[test]
fn what_is_undone_is_the_last_decision_that_stands_whatever_it_was() {
    for decision in [Posted, ToDo, Waived] {
        let decided = and_decided(&in_doubt(), decision);
        let outcome = decide(&in_doubt(), decision).unwrap().1;
        // Also for a row settled as posted, which no other decision may change.
        assert_eq!(decide(&decided, Undone), Ok((outcome, Outcome::InDoubt)), "{decision:?}");
        assert_eq!(decide(&and_decided(&decided, Undone), Undone), Err(SettleError::NothingToUndo), "{decision:?}");
    }
    let twice = and_decided(&and_decided(&in_doubt(), ToDo), Waived);
    assert_eq!(decide(&twice, Undone), Ok((Outcome::Skipped, Outcome::Pending)));
    let once = and_decided(&twice, Undone);
    assert_eq!(decide(&once, Undone), Ok((Outcome::Pending, Outcome::InDoubt)));
    let invalid = and_decided(&excluded(Outcome::Invalid), Waived);
    assert_eq!(decide(&invalid, Undone), Ok((Outcome::Skipped, Outcome::Invalid)));
}

#[test]
fn nothing_is_undone_where_nobody_decided_or_the_row_was_sent_since() {
    assert_eq!(decide(&in_doubt(), Undone), Err(SettleError::NothingToUndo));
    assert_eq!(decide(&[intent(2)], Undone), Err(SettleError::Unknown));
    let sent = [and_decided(&in_doubt(), ToDo), in_doubt()].concat();
    assert_eq!(decide(&sent, Undone), Err(SettleError::NothingToUndo));
}
