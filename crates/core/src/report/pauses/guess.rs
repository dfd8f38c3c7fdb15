//! Infers pauses from answers, by the rules of the versions that did not record pauses. Pauses because the API failed
//! for every row are not inferred.

use super::{Cause, cause_of};
use crate::job::Key;
use crate::ledger::AttemptEnd;
use crate::outcome::VerdictWord;

/// Numbers of consecutive attempts, not sent or of unknown result, that mean an outage; the same as in the engine.
const MOST_UNSENT: u32 = 3;
const MOST_UNKNOWN: u32 = 5;

/// Follows the answers of one run.
#[derive(Debug, Default)]
pub(super) struct Guess {
    unsent: u32,
    unknown: u32,
    outage: bool,
    /// After a pause, one attempt is sent at a time until its answer is understood.
    alone: bool,
    probe: Option<Key>,
}

impl Guess {
    /// Records an attempt that began while no pause was in progress.
    pub(super) fn began(&mut self, key: Key) {
        if self.alone {
            self.probe = Some(key);
        }
    }

    /// Records the end of an attempt. Returns the cause of the pause that its answer starts, or confirms
    /// while it is `under_way`.
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

    /// Whether an attempt without a meaningful answer starts a pause: after too many of them, and then for each probe.
    fn outage(&mut self, too_many: bool, probe: bool) -> bool {
        let pauses = if self.outage { probe } else { too_many && (probe || !self.alone) };
        self.outage |= pauses;
        pauses
    }
}
