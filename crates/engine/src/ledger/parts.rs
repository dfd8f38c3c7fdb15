//! Settlements of several records, which count only if all of the records are there, one after another.
//!
//! The records are written as one group. If a crash or a full disk leaves only some of them, they are the end
//! of the ledger: a torn tail that starts at the first of them. A program that does not know parts may have
//! appended records after it. Then the incomplete records stay and are ignored.

use jiff::Timestamp;

use super::line;
use super::lines::Lines;
use super::record::{LedgerId, Part, Record, Settlement};
use super::recovery::later_mark_vouches_for;
use super::step::Step;
use super::{LedgerError, Storage};

/// A record that may be part of a settlement.
pub(crate) trait HasParts {
    fn settlement(&self) -> Option<&Settlement>;
}

impl HasParts for Record {
    fn settlement(&self) -> Option<&Settlement> {
        if let Self::Settle(settlement) = self { Some(settlement) } else { None }
    }
}

impl HasParts for Step {
    fn settlement(&self) -> Option<&Settlement> {
        if let Self::Other(record) = self { record.settlement() } else { None }
    }
}

/// How the reader treats a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Counts,
    /// It belongs to an incomplete settlement.
    PassedOver,
    /// It is the first record of a settlement that a crash left incomplete.
    Torn,
}

/// Tracks the parts of settlements while a ledger is read.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// The settlement being read, and whether it counts.
    current: Option<(Whole, bool)>,
    /// The number of incomplete settlements.
    pub(super) incomplete: u64,
}

/// The common data of one settlement's parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Whole {
    wall: Timestamp,
    of: u32,
}

fn part_of(settlement: &Settlement) -> Option<(Whole, u32)> {
    settlement.part.map(|Part { number, of }| (Whole { wall: settlement.wall, of }, number))
}

/// The records after a settlement's first part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    AllThere,
    /// The ledger ends before the last part.
    CutOff,
    /// Another record comes before the last part.
    Overtaken,
}

impl Parts {
    /// Decides how to treat the next record; `ahead` reads the lines after it.
    pub(super) fn follow<'a, S: Storage + 'a>(
        &mut self,
        record: &impl HasParts,
        ahead: impl FnOnce() -> Ahead<'a, S>,
    ) -> Result<Effect, LedgerError> {
        let Some((whole, number)) = record.settlement().and_then(part_of) else { return Ok(Effect::Counts) };
        if number == 1 {
            let rest = ahead().rest_of(whole)?;
            self.incomplete += u64::from(rest != Rest::AllThere);
            self.current = Some((whole, rest == Rest::AllThere));
            if rest == Rest::CutOff {
                return Ok(Effect::Torn);
            }
        }
        match self.current {
            Some((current, counts)) if current == whole => {
                if number >= whole.of {
                    self.current = None;
                }
                Ok(if counts { Effect::Counts } else { Effect::PassedOver })
            }
            // Its first part is missing.
            _ => {
                self.incomplete += 1;
                self.current = Some((whole, false));
                Ok(Effect::PassedOver)
            }
        }
    }
}

/// The lines after a record.
pub(super) struct Ahead<'a, S> {
    pub(super) lines: Lines<'a, S>,
    pub(super) id: LedgerId,
    /// The number of that record.
    pub(super) last: u64,
}

impl<S: Storage> Ahead<'_, S> {
    fn rest_of(mut self, whole: Whole) -> Result<Rest, LedgerError> {
        let mut found = 1;
        // A salvage copies records in groups, so a mark may come between two parts.
        let mut marked = false;
        while found < whole.of {
            if !self.lines.next()? {
                return Ok(if marked { Rest::Overtaken } else { Rest::CutOff });
            }
            self.last += 1;
            match line::read(self.lines.line(), self.id, self.last) {
                Ok(Record::Mark(_)) => marked = true,
                Ok(Record::Settle(settlement)) if part_of(&settlement) == Some((whole, found + 1)) => found += 1,
                Ok(_) => return Ok(Rest::Overtaken),
                Err(_) => {
                    // The main reader reports the damage when it reaches it.
                    let is_damage = later_mark_vouches_for(&mut self.lines, self.id, self.last)?;
                    return Ok(if marked || is_damage { Rest::Overtaken } else { Rest::CutOff });
                }
            }
        }
        Ok(Rest::AllThere)
    }
}
