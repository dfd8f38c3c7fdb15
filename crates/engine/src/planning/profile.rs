//! Statistics of an input besides its rows' states: the lengths of texts and the defects of rows.

use super::row::Defect;
use crate::job::Position;

/// Statistics of an input besides its rows' states.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// The lengths of the texts; `None` if there are none.
    pub texts: Option<Lengths>,
    /// The defects of rows, in the order in which they were found.
    reasons: Vec<Reason>,
    /// The number of rows whose kind of defect did not fit into the list.
    pub other_defects: u64,
}

/// Lengths of texts, in bytes of UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lengths {
    /// The shortest.
    pub shortest: usize,
    /// The longest.
    pub longest: usize,
    /// The position of the longest.
    pub longest_at: Position,
    /// The sum.
    pub sum: u64,
    /// The number of texts.
    pub count: u64,
}

impl Lengths {
    /// The mean, rounded down.
    pub fn mean(&self) -> u64 {
        self.sum / self.count
    }
}

/// A kind of defect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The defect, without row-specific parts.
    pub what: String,
    /// The number of rows with it.
    pub rows: u64,
    /// The positions of the first few.
    pub first: Vec<Position>,
}

impl Profile {
    /// The maximum number of kinds. There are few, except for kinds that name a column.
    const MOST_REASONS: usize = 50;
    const MOST_POSITIONS: usize = 5;

    /// The kinds of defects, most frequent first; equally frequent ones in the order in which they were
    /// found.
    pub fn reasons(&self) -> impl Iterator<Item = &Reason> {
        let mut reasons: Vec<&Reason> = self.reasons.iter().collect();
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.rows));
        reasons.into_iter()
    }

    /// Counts a row's defect.
    pub(super) fn add_defect(&mut self, defect: &Defect, position: Position) {
        let known = self.reasons.iter().position(|known| known.what == defect.kind);
        let nth = match known {
            Some(nth) => nth,
            None if self.reasons.len() < Self::MOST_REASONS => {
                self.reasons.push(Reason { what: defect.kind.clone(), rows: 0, first: Vec::new() });
                self.reasons.len() - 1
            }
            None => {
                self.other_defects += 1;
                return;
            }
        };
        let reason = &mut self.reasons[nth];
        reason.rows += 1;
        if reason.first.len() < Self::MOST_POSITIONS {
            reason.first.push(position);
        }
    }

    /// Counts a text.
    pub(super) fn meet_text(&mut self, bytes: usize, position: Position) {
        let lengths = self.texts.get_or_insert(Lengths {
            shortest: bytes,
            longest: bytes,
            longest_at: position,
            sum: 0,
            count: 0,
        });
        lengths.shortest = lengths.shortest.min(bytes);
        if bytes > lengths.longest {
            (lengths.longest, lengths.longest_at) = (bytes, position);
        }
        lengths.sum += bytes as u64;
        lengths.count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(record: u64) -> Position {
        Position { record, line: record + 1, byte: 0 }
    }

    fn defect(kind: &str) -> Defect {
        Defect { kind: kind.to_owned(), what: format!("{kind}, in this row") }
    }

    #[test]
    fn lengths_are_those_of_all_texts() {
        let mut profile = Profile::default();
        for (record, bytes) in [(1, 3), (3, 8), (5, 2)] {
            profile.meet_text(bytes, at(record));
        }
        let texts = profile.texts.unwrap();
        assert_eq!((texts.shortest, texts.longest, texts.longest_at.record), (2, 8, 3));
        assert_eq!((texts.sum, texts.count, texts.mean()), (13, 3, 4));
    }

    #[test]
    fn rows_with_the_same_defect_are_counted_together_the_most_frequent_first() {
        let mut profile = Profile::default();
        for (record, kind) in [(1, "empty"), (2, "not a number"), (3, "not a number"), (4, "not a number")] {
            profile.add_defect(&defect(kind), at(record));
        }
        let brief: Vec<_> = profile.reasons().map(|reason| (reason.what.as_str(), reason.rows)).collect();
        assert_eq!(brief, [("not a number", 3), ("empty", 1)]);
        let first = profile.reasons().next().unwrap();
        assert_eq!(first.first.iter().map(|position| position.record).collect::<Vec<_>>(), [2, 3, 4]);
    }

    #[test]
    fn defects_beyond_the_bound_are_counted_and_known_ones_go_on() {
        let mut profile = Profile::default();
        for n in 0..Profile::MOST_REASONS + 7 {
            profile.add_defect(&defect(&n.to_string()), at(1));
        }
        profile.add_defect(&defect("0"), at(1));
        assert_eq!(profile.other_defects, 7);
        assert_eq!(profile.reasons().map(|reason| reason.rows).sum::<u64>(), Profile::MOST_REASONS as u64 + 1);
    }
}
