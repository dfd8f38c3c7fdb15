//! Selection of rows by number.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use anyhow::bail;
use batchpost::batch::Settling;
use batchpost::job::Key;
use batchpost::outcome::Outcome;

use crate::args::RowRange;

/// The jobs that the ledger has for one number.
#[derive(Default)]
struct Numbered {
    /// Jobs of the sheet as last read.
    now: Vec<Key>,
    /// Whether a job in doubt had this number in an earlier reading.
    doubtful_before: bool,
}

/// Returns the jobs of the selected rows; every number must have one.
pub(super) fn of_numbers(asked: &[RowRange], settling: &Settling) -> anyhow::Result<Vec<Key>> {
    let asked = disjoint(asked);
    let mut numbered: BTreeMap<u64, Numbered> = BTreeMap::new();
    let mut last = 0;
    for (key, history) in &settling.histories {
        last = last.max(history.row);
        if !is_in(&asked, history.row) {
            continue;
        }
        let here = numbered.entry(history.row).or_default();
        let job_state = settling.batch.job_states.get(key);
        let vanished = job_state.is_none_or(|job_state| job_state.is_vanished());
        if history.row_is_current && !vanished {
            here.now.push(*key);
        }
        here.doubtful_before |= job_state.is_some_and(|job| job.is_vanished() && job.outcome() == Outcome::InDoubt);
    }
    // Report a range that is too long before its first missing number, because the range was mistyped.
    let beyond = asked.iter().find(|range| *range.end() > last && range.start() < range.end());
    if let Some(beyond) = beyond.filter(|_| last > 0) {
        bail!(
            "the last row with a record in the ledger is row {last}, so rows {}-{} cannot all be settled; nothing was \
             changed",
            beyond.start(),
            beyond.end()
        );
    }
    let mut keys = Vec::new();
    for number in asked.into_iter().flatten() {
        let Numbered { now, doubtful_before } = numbered.remove(&number).unwrap_or_default();
        if doubtful_before {
            bail!(
                "row {number} is ambiguous: the sheet has such a row now, and an earlier version of it had another one, which is \
                 in doubt; to decide on both, run `export --state in_doubt,held`, fill in the decisions, and pass the file to \
                 `settle --from`"
            );
        }
        if now.is_empty() {
            bail!(
                "the ledger has no record of a row {number} in the sheet as last read; if it was never attempted, remove \
                 it from the sheet to keep it from being sent; if the sheet changed since its record, `export` it and \
                 settle with --from"
            );
        }
        keys.extend(now);
    }
    Ok(keys)
}

/// Sorts and merges ranges, so that each number is in one range only.
fn disjoint(ranges: &[RowRange]) -> Vec<RangeInclusive<u64>> {
    let mut sorted: Vec<_> = ranges.iter().map(|RowRange(range)| range.clone()).collect();
    sorted.sort_by_key(|range| *range.start());
    let mut disjoint: Vec<RangeInclusive<u64>> = Vec::new();
    for range in sorted {
        match disjoint.last_mut() {
            Some(before) if range.start() <= before.end() => {
                *before = *before.start()..=*before.end().max(range.end());
            }
            _ => disjoint.push(range),
        }
    }
    disjoint
}

/// Whether a number is in one of `disjoint` ranges, which are sorted.
fn is_in(disjoint: &[RangeInclusive<u64>], number: u64) -> bool {
    let first_not_before = disjoint.partition_point(|range| *range.end() < number);
    disjoint.get(first_not_before).is_some_and(|range| range.contains(&number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(texts: &[&str]) -> Vec<RangeInclusive<u64>> {
        let parsed: Vec<RowRange> = texts.iter().map(|text| text.parse().unwrap()).collect();
        disjoint(&parsed)
    }

    #[test]
    fn each_number_is_meant_once_however_often_it_is_said() {
        assert_eq!(ranges(&["11-13", "4", "12-20", "4", "13"]), [4..=4, 11..=20]);
        let whole = ranges(&["5", "1-18446744073709551615"]);
        assert_eq!(whole, [1..=u64::MAX]);
        assert_eq!([0, 1, 9, u64::MAX].map(|number| is_in(&whole, number)), [false, true, true, true]);
        let some = ranges(&["4", "11-13"]);
        let held: Vec<u64> = (0..20).filter(|number| is_in(&some, *number)).collect();
        assert_eq!(held, [4, 11, 12, 13]);
    }

    #[test]
    fn what_is_no_range_is_refused_in_words() {
        let refused = |text: &str| text.parse::<RowRange>().unwrap_err();
        assert!(refused("13-11").contains("did you mean 11-13?"), "{}", refused("13-11"));
        for text in ["", "-", "4-", "-4", "1-2-3", "a", "18446744073709551616", "1..3"] {
            assert!(refused(text).contains("4,11-13"), "{text:?}: {}", refused(text));
        }
    }
}
