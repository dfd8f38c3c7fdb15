//! What a reading tells of an input besides where its rows stand: how long its texts are, what is wrong with its rows,
//! what its tickets look like.

use crate::input::{IdShapes, InvalidRow};
use crate::job::Position;

/// What a reading tells of an input besides where its rows stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// What tickets look like as they are written.
    pub tickets: IdShapes,
    /// How long the texts are; none where there is none.
    pub texts: Option<Lengths>,
    /// What is wrong with rows, in the order in which it was met.
    reasons: Vec<Reason>,
    /// Rows with further faults, met when there was no more room for one.
    pub other_faults: u64,
}

/// Lengths of texts, in bytes of UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lengths {
    /// The shortest.
    pub shortest: usize,
    /// The longest.
    pub longest: usize,
    /// Where the longest stands.
    pub longest_at: Position,
    /// All together.
    pub sum: u64,
    /// How many there are.
    pub count: u64,
}

impl Lengths {
    /// The mean, rounded down.
    pub fn mean(&self) -> u64 {
        self.sum / self.count
    }
}

/// Something that is wrong with rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// What is wrong, without what differs from row to row.
    pub what: String,
    /// With how many.
    pub rows: u64,
    /// Where the first few stand.
    pub first: Vec<Position>,
}

impl Profile {
    /// Kinds of faults that are told apart. There are few, but for those that name a column.
    const MOST_REASONS: usize = 50;
    const MOST_POSITIONS: usize = 5;

    /// What is wrong with rows, the most frequent first; of those as frequent, the one met first.
    pub fn reasons(&self) -> impl Iterator<Item = &Reason> {
        let mut reasons: Vec<&Reason> = self.reasons.iter().collect();
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.rows));
        reasons.into_iter()
    }

    /// Takes in what is wrong with a row.
    pub(super) fn meet_fault(&mut self, reason: &InvalidRow, position: Position) {
        let what = reason.kind();
        let known = self.reasons.iter_mut().position(|known| known.what == what);
        let nth = match known {
            Some(nth) => nth,
            None if self.reasons.len() < Self::MOST_REASONS => {
                self.reasons.push(Reason { what, rows: 0, first: Vec::new() });
                self.reasons.len() - 1
            }
            None => {
                self.other_faults += 1;
                return;
            }
        };
        let reason = &mut self.reasons[nth];
        reason.rows += 1;
        if reason.first.len() < Self::MOST_POSITIONS {
            reason.first.push(position);
        }
    }

    /// Takes the length of a text in.
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
    use crate::input::{Format, Options, Rows};
    use crate::job::KeyMap;
    use crate::ledger::Standing;
    use crate::reading::{Ask, JobFileWriter, Named, survey};

    fn profile(csv: &str) -> Profile {
        let mut rows = Rows::open(csv.as_bytes(), &Options::new(Format::Csv).into()).unwrap();
        let named = Named { notes: 0, jobs: 0 };
        let mut jobs = JobFileWriter::new(Vec::new());
        let ask = Ask::default();
        survey(&mut rows, &ask, Standing::NEW, named, &mut KeyMap::default(), &mut jobs).unwrap().profile
    }

    #[test]
    fn lengths_are_those_of_the_texts_in_bytes() {
        let texts = profile("ticket,text\n1,abc\n,\n2,äöüß\nx,\"far longer, and invalid\"\n3,de\n").texts.unwrap();
        assert_eq!((texts.shortest, texts.longest, texts.longest_at.record), (2, 8, 3));
        assert_eq!((texts.sum, texts.count, texts.mean()), (13, 3, 4));
        assert_eq!(profile("ticket,text\n").texts, None);
    }

    #[test]
    fn rows_with_the_same_fault_are_counted_together() {
        let found = profile("ticket,text\n,c\nA-1,a\nA-2,b\nA-3,d\n4\n");
        let brief: Vec<_> = found.reasons().map(|reason| (reason.what.as_str(), reason.rows)).collect();
        assert_eq!(
            brief,
            [
                ("column \"ticket\": the ticket id is not a positive whole number", 3),
                ("column \"ticket\" is empty; there is a text but no ticket id to post it under", 1),
                ("not as many cells as the header has columns", 1),
            ]
        );
        let first = found.reasons().next().unwrap();
        assert_eq!(first.first.iter().map(|position| position.record).collect::<Vec<_>>(), [2, 3, 4]);
    }

    #[test]
    fn faults_beyond_the_bound_are_counted_and_known_ones_go_on() {
        let mut profile = Profile::default();
        let position = Position { record: 1, line: 2, byte: 0 };
        for n in 0..Profile::MOST_REASONS + 7 {
            profile.meet_fault(&InvalidRow::NoName { column: n.to_string() }, position);
        }
        profile.meet_fault(&InvalidRow::NoName { column: "0".to_owned() }, position);
        assert_eq!(profile.other_faults, 7);
        assert_eq!(profile.reasons().map(|reason| reason.rows).sum::<u64>(), Profile::MOST_REASONS as u64 + 1);
    }
}
