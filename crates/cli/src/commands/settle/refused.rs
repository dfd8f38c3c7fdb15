//! Decisions that are not possible, grouped by reason.

use batchpost::batch::Settling;
use batchpost::job::Key;
use batchpost::ledger::SettleError;

use crate::summary::thousands;

/// Maximum number of numbers and ranges named in one line.
const MOST_NAMED: usize = 20;

/// Maximum number of keys named, which are long.
const MOST_KEYS: usize = 3;

/// Rows that cannot be settled for the same reason.
pub(super) struct Refused {
    why: SettleError,
    /// Whether the numbers are from an earlier reading, or the rows are no longer in the input.
    were_elsewhere: bool,
    rows: Vec<u64>,
    /// The keys of rows without a number.
    keys: Vec<Key>,
}

impl Refused {
    /// Groups the rows by reason, ordered by their first row; groups without numbers are last.
    pub(super) fn grouped(refused: Vec<(Key, SettleError)>, settling: &Settling) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        for (key, why) in refused {
            let history = settling.histories.get(&key);
            let vanished = settling.batch.job_states.get(&key).is_some_and(|job_state| job_state.is_vanished());
            let were_elsewhere = vanished || history.is_some_and(|history| !history.row_is_current);
            let alike = |group: &Self| {
                let are_numbered = group.keys.is_empty();
                group.why == why && group.were_elsewhere == were_elsewhere && are_numbered == history.is_some()
            };
            let place = groups.iter().position(alike).unwrap_or_else(|| {
                groups.push(Self { why, were_elsewhere, rows: Vec::new(), keys: Vec::new() });
                groups.len() - 1
            });
            match history {
                Some(history) => groups[place].rows.push(history.row),
                None => groups[place].keys.push(key),
            }
        }
        for group in &mut groups {
            group.rows.sort_unstable();
            group.keys.sort_unstable();
        }
        groups.sort_by_key(|group| (group.rows.is_empty(), group.rows.first().copied()));
        groups
    }

    pub(super) fn in_words(&self) -> String {
        let earlier = if self.were_elsewhere { ", as numbered in an earlier reading" } else { "" };
        let which = if self.rows.is_empty() {
            let noun = if self.keys.len() == 1 { "key" } else { "keys" };
            let named: Vec<String> = self.keys.iter().take(MOST_KEYS).map(Key::to_string).collect();
            format!("{noun} {}", and_more(&named, self.keys.len() - named.len()))
        } else {
            let noun = if self.rows.len() == 1 { "row" } else { "rows" };
            format!("{noun} {}{earlier}", in_ranges(&self.rows))
        };
        format!("{which}: {}", self.why)
    }
}

/// Formats numbers in order, and consecutive ones as `7-9`.
fn in_ranges(rows: &[u64]) -> String {
    let ranges: Vec<&[u64]> = rows.chunk_by(|one, next| next.checked_sub(*one).is_some_and(|step| step <= 1)).collect();
    let (named, others) = ranges.split_at(ranges.len().min(MOST_NAMED));
    let named = named.iter().filter_map(|range| Some((range.first()?, range.last()?)));
    let named = named.map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") });
    and_more(&named.collect::<Vec<_>>(), others.iter().map(|range| range.len()).sum())
}

fn and_more(named: &[String], more: usize) -> String {
    let named = named.join(", ");
    if more == 0 { named } else { format!("{named} and {} more", thousands(more as u64)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_follow_each_other_are_a_range_and_of_a_long_list_the_other_rows_are_counted() {
        assert_eq!(in_ranges(&[5, 7, 8, 9, 11, 12]), "5, 7-9, 11-12");
        assert_eq!(in_ranges(&[3, 3]), "3");
        let odd = (0..20).map(|n| 2 * n + 1);
        let rows: Vec<u64> = odd.chain([100, 101, 102, 200]).collect();
        assert!(in_ranges(&rows).ends_with("37, 39 and 4 more"), "{}", in_ranges(&rows));
    }
}
