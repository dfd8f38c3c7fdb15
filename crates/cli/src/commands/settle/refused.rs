//! Decisions that cannot be taken, those that are alike together.

use batchpost::job::Key;
use batchpost::ledger::SettleError;
use batchpost::shell::Settling;

use crate::summary::thousands;

/// Numbers and ranges that are named in one line.
const MOST_NAMED: usize = 20;

/// Keys, which are long.
const MOST_KEYS: usize = 3;

/// Rows about which nothing can be decided, for the same reason.
pub(super) struct Refused {
    why: SettleError,
    /// The numbers are of an earlier reading, or the rows have left the input.
    were_elsewhere: bool,
    rows: Vec<u64>,
    /// Of those that have no number.
    keys: Vec<Key>,
}

impl Refused {
    /// In the order of the first row of each.
    pub(super) fn grouped(refused: Vec<(Key, SettleError)>, settling: &Settling) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        for (key, why) in refused {
            let history = settling.histories.get(&key);
            let vanished = settling.batch.standings.get(&key).is_some_and(|standing| standing.is_vanished());
            let were_elsewhere = vanished || history.is_some_and(|history| !history.row_is_current);
            let alike = |group: &Self| group.why == why && group.were_elsewhere == were_elsewhere;
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
        groups.sort_by_key(|group| group.rows.first().copied());
        groups
    }

    pub(super) fn in_words(&self) -> String {
        let earlier = if self.were_elsewhere { ", as numbered in an earlier reading" } else { "" };
        let which = if self.rows.is_empty() {
            let keys: Vec<String> = self.keys.iter().map(Key::to_string).collect();
            let noun = if keys.len() == 1 { "key" } else { "keys" };
            format!("{noun} {}", shortened(&keys, MOST_KEYS))
        } else {
            let noun = if self.rows.len() == 1 { "row" } else { "rows" };
            format!("{noun} {}{earlier}", shortened(&in_ranges(&self.rows), MOST_NAMED))
        };
        format!("{which}: {}", self.why)
    }
}

/// Numbers in order, those that follow each other as `7-9`.
fn in_ranges(rows: &[u64]) -> Vec<String> {
    let runs = rows.chunk_by(|one, next| next.checked_sub(*one).is_some_and(|step| step <= 1));
    runs.filter_map(|run| Some((run.first()?, run.last()?)))
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") })
        .collect()
}

fn shortened(names: &[String], most: usize) -> String {
    let named = names[..names.len().min(most)].join(", ");
    match names.len().saturating_sub(most) {
        0 => named,
        more => format!("{named} and {} more like that", thousands(more as u64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_follow_each_other_are_a_range_and_a_long_list_is_cut_short() {
        assert_eq!(in_ranges(&[5, 7, 8, 9, 11, 12]).join(", "), "5, 7-9, 11-12");
        assert_eq!(in_ranges(&[3, 3]).join(", "), "3");
        let odd: Vec<u64> = (0..25).map(|n| 2 * n + 1).collect();
        assert!(shortened(&in_ranges(&odd), 20).ends_with("37, 39 and 5 more like that"));
    }
}
