//! Pauses that are no records: told from the answers, by the rules by which a run of that time paused. Those for an API that
//! failed at every row are not told so.

use super::{Cause, cause_of};
use crate::job::Key;
use crate::ledger::AttemptEnd;
use crate::outcome::VerdictWord;

/// So many attempts in a row that could not be sent mean an outage, and so many of unknown fate. As the engine has it.
const MOST_UNSENT: u32 = 3;
const MOST_UNKNOWN: u32 = 5;

/// Follows the answers of one run.
#[derive(Debug, Default)]
pub(super) struct Guess {
    unsent: u32,
    unknown: u32,
    outage: bool,
    /// From a pause on, one attempt goes at a time until its answer is understood.
    alone: bool,
    probe: Option<Key>,
}

impl Guess {
    /// An attempt began, and no pause is under way.
    pub(super) fn began(&mut self, key: Key) {
        if self.alone {
            self.probe = Some(key);
        }
    }

    /// An attempt ended: the pause that its answer makes, or tells of again while it is `under_way`.
    pub(super) fn ended(&mut self, end: &AttemptEnd, under_way: Option<Cause>) -> Option<Cause> {
        let probe = self.probe.take_if(|probe| *probe == end.key).is_some();
        let pauses = match end.verdict {
            VerdictWord::Posted | VerdictWord::Rejected | VerdictWord::Again => {
                (self.unsent, self.unknown) = (0, 0);
                if probe {
                    (self.alone, self.outage) = (false, false);
                }
                false
            }
            VerdictWord::Limited => {
                (self.unsent, self.unknown, self.outage) = (0, 0, false);
                true
            }
            VerdictWord::Unsent => {
                self.unsent += 1;
                self.outage(self.unsent >= MOST_UNSENT, probe)
            }
            VerdictWord::Unknown => {
                (self.unsent, self.unknown) = (0, self.unknown + 1);
                self.outage(self.unknown >= MOST_UNKNOWN, probe)
            }
            VerdictWord::SetupFault | VerdictWord::Withdrawn => false,
        };
        let cause = cause_of(end.verdict).filter(|cause| pauses || under_way == Some(*cause))?;
        self.alone = true;
        Some(cause)
    }

    /// Whether an attempt without an answer that says something makes a pause: where too many did, and then each probe.
    fn outage(&mut self, too_many: bool, probe: bool) -> bool {
        let pauses = if self.outage { probe } else { too_many && (probe || !self.alone) };
        self.outage |= pauses;
        pauses
    }
}
