//! The rows that a run may send, for comparison with other ledgers and with other runs' claims.

use super::fold::KnownKeys;
use crate::job::Key;

/// The keys of the rows that a run may send, and which of them other ledgers know. 16 bytes and a bit per
/// key.
#[derive(Debug, Clone, Default)]
pub struct Candidates {
    keys: Vec<Key>,
    known: Vec<u64>,
}

/// The candidates that one ledger knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Found {
    /// The number of candidates.
    pub rows: u64,
    /// The number of candidates that no ledger compared earlier knows.
    pub new: u64,
    /// When the first and the last of them were sent, in seconds since 1970.
    pub dates: Option<(u32, u32)>,
}

impl Candidates {
    /// Candidates with these keys.
    pub fn new(mut keys: Vec<Key>) -> Self {
        keys.sort_unstable();
        keys.dedup();
        let known = vec![0; keys.len().div_ceil(64)];
        Self { keys, known }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The number of candidates that other ledgers know.
    pub fn known(&self) -> u64 {
        self.known.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// Whether a candidate has this key.
    pub fn has(&self, key: Key) -> bool {
        self.keys.binary_search(&key).is_ok()
    }

    /// Whether another ledger knows the candidate with this key.
    pub fn is_known(&self, key: Key) -> bool {
        self.keys.binary_search(&key).is_ok_and(|at| self.known[at / 64] >> (at % 64) & 1 != 0)
    }

    /// Marks the candidates that are in `keys` and were sent at `since` or later.
    pub fn mark(&mut self, keys: &KnownKeys, since: u32) -> Found {
        let mut found = Found::default();
        let Self { keys: ours, known } = self;
        let mut meet = |at: usize, at_s: u32| {
            if at_s < since {
                return;
            }
            let (word, bit) = (&mut known[at / 64], 1 << (at % 64));
            found.rows += 1;
            found.new += u64::from(*word & bit == 0);
            *word |= bit;
            let (first, last) = found.dates.unwrap_or((at_s, at_s));
            found.dates = Some((first.min(at_s), last.max(at_s)));
        };
        if ours.len() < keys.rows.len() / 32 {
            for (at, key) in ours.iter().enumerate() {
                if let Ok(theirs) = keys.rows.binary_search_by_key(key, |(key, _)| *key) {
                    meet(at, keys.rows[theirs].1);
                }
            }
        } else {
            in_both(ours, keys.rows.iter(), |(key, _)| *key, |at, (_, at_s)| meet(at, *at_s));
        }
        let mut open: Vec<_> = keys.open_alone(since).map(|open| (open.known_by, open.at_s)).collect();
        open.sort_unstable();
        open.dedup_by_key(|(key, _)| *key);
        in_both(ours, open.iter(), |(key, _)| *key, |at, (_, at_s)| meet(at, *at_s));
        found
    }

    /// The candidates among `claimed`, which is sorted.
    pub fn among(&self, claimed: &[Key]) -> Vec<Key> {
        let mut among = Vec::new();
        in_both(&self.keys, claimed.iter(), |key| **key, |_, key| among.push(*key));
        among
    }
}

/// Calls `each` for the keys in both lists, which are sorted, with the position in `keys` and the item of
/// `others`. Skips ahead in `keys`, so a short `others` costs little.
fn in_both<T: Copy>(
    keys: &[Key],
    others: impl Iterator<Item = T>,
    key_of: impl Fn(&T) -> Key,
    mut each: impl FnMut(usize, T),
) {
    let mut at = 0;
    for other in others {
        let key = key_of(&other);
        // Steps of doubling size, then a search within the last one.
        let mut step = 1;
        while keys.get(at + step - 1).is_some_and(|ours| *ours < key) {
            at += step;
            step *= 2;
        }
        let end = keys.len().min(at + step);
        match keys[at.min(end)..end].binary_search(&key) {
            Ok(found) => {
                each(at + found, other);
                at += found + 1;
            }
            Err(before) => at += before,
        }
        if at >= keys.len() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn key(n: u8) -> Key {
        Key::from_bytes([n; 16])
    }

    proptest! {
        #[test]
        fn what_is_in_both_is_found_once(
            ours in prop::collection::btree_set(any::<u8>(), 0..60), theirs in prop::collection::btree_map(any::<u8>(), 0..9_u32, 0..200),
            since in 0..9_u32, before in prop::collection::btree_set(any::<u8>(), 0..20),
        ) {
            let mut candidates = Candidates::new(ours.iter().rev().map(|n| key(*n)).collect());
            let known = |theirs: &BTreeMap<u8, u32>| KnownKeys {
                rows: theirs.iter().map(|(n, at_s)| (key(*n), *at_s)).collect(), ..KnownKeys::default()
            };
            candidates.mark(&known(&before.iter().map(|n| (*n, 9)).collect()), 0);
            let found = candidates.mark(&known(&theirs), since);
            let both: Vec<(&u8, &u32)> = theirs.iter().filter(|(n, at_s)| ours.contains(n) && **at_s >= since).collect();
            prop_assert_eq!(found.rows as usize, both.len());
            prop_assert_eq!(found.new as usize, both.iter().filter(|(n, _)| !before.contains(n)).count());
            let dates = both.iter().map(|(_, at_s)| **at_s);
            prop_assert_eq!(found.dates, dates.clone().min().zip(dates.max()));
            for n in 0..=u8::MAX {
                let is_known = ours.contains(&n) && (before.contains(&n) || both.iter().any(|(other, _)| **other == n));
                prop_assert_eq!(candidates.is_known(key(n)), is_known);
            }
            let claimed: Vec<Key> = theirs.keys().map(|n| key(*n)).collect();
            prop_assert_eq!(candidates.among(&claimed).len(), theirs.keys().filter(|n| ours.contains(n)).count());
        }
    }
}
