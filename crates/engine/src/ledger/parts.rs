//! Settlements of several records: they count where all of them are there, one after the other.
//!
//! They are written as one group, so what a crash or a full disk leaves of it is the end of the ledger, which is a torn tail
//! from the first of its records on. A program that does not know of parts may have gone on behind it; then they stay and are
//! passed over.

use jiff::Timestamp;

use super::line;
use super::lines::Lines;
use super::record::{LedgerId, Part, Record, Settlement};
use super::recovery::later_mark_vouches_for;
use super::step::Step;
use super::{LedgerError, Storage};

/// A record, as far as it may be a part of something.
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

/// What a record is to its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Counts,
    /// It belongs to a settlement that is not all there.
    PassedOver,
    /// With it begins what a crash left of a settlement.
    Torn,
}

/// Follows the parts of settlements through a ledger.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// The settlement whose parts are being read, and whether it counts.
    current: Option<(Whole, bool)>,
    /// Settlements that are not all there.
    pub(super) incomplete: u64,
}

/// What the parts of one settlement have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Whole {
    wall: Timestamp,
    of: u32,
}

fn part_of(settlement: &Settlement) -> Option<(Whole, u32)> {
    settlement.part.map(|Part { number, of }| (Whole { wall: settlement.wall, of }, number))
}

/// How it goes on after a settlement's first part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    AllThere,
    /// The ledger ends before the last part.
    CutOff,
    /// Something else was recorded before the last part.
    Overtaken,
}

impl Parts {
    /// Where the next record belongs; `ahead` looks at what follows it.
    pub(super) fn follow<'a, S: Storage + 'a>(
        &mut self,
        record: &impl HasParts,
        ahead: impl FnOnce() -> Ahead<'a, S>,
    ) -> Result<Place, LedgerError> {
        let Some((whole, number)) = record.settlement().and_then(part_of) else { return Ok(Place::Counts) };
        if number == 1 {
            let rest = ahead().rest_of(whole)?;
            self.incomplete += u64::from(rest != Rest::AllThere);
            self.current = Some((whole, rest == Rest::AllThere));
            if rest == Rest::CutOff {
                return Ok(Place::Torn);
            }
        }
        match self.current {
            Some((current, counts)) if current == whole => {
                if number >= whole.of {
                    self.current = None;
                }
                Ok(if counts { Place::Counts } else { Place::PassedOver })
            }
            // Its first part is missing.
            _ => {
                self.incomplete += 1;
                self.current = Some((whole, false));
                Ok(Place::PassedOver)
            }
        }
    }
}

/// What follows a record.
pub(super) struct Ahead<'a, S> {
    pub(super) lines: Lines<'a, S>,
    pub(super) id: LedgerId,
    /// That record's number.
    pub(super) last: u64,
}

impl<S: Storage> Ahead<'_, S> {
    fn rest_of(mut self, whole: Whole) -> Result<Rest, LedgerError> {
        let mut found = 1;
        // A salvage copies records in groups of its own.
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
                    // The reader of the records that follow reports the damage.
                    let is_damage = later_mark_vouches_for(&mut self.lines, self.id, self.last)?;
                    return Ok(if marked || is_damage { Rest::Overtaken } else { Rest::CutOff });
                }
            }
        }
        Ok(Rest::AllThere)
    }
}
