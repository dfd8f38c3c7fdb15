//! What another ledger of the same target knows of an input's rows.

use super::Survey;
use crate::job::KeyMap;
use crate::ledger::{Batch, Pass, Standing};
use crate::outcome::Outcome;

/// Counts the rows to do that `other` has as posted or in doubt, after a survey has entered them into `standings`.
pub fn known_elsewhere(other: &Batch, standings: &KeyMap<Standing>) -> u64 {
    other.standings.iter().filter(|(key, theirs)| is_known(**theirs, standings.get(*key))).count() as u64
}

/// Sets those rows aside as skipped.
pub fn skip_known(other: &Batch, standings: &mut KeyMap<Standing>, survey: &mut Survey) {
    for (key, theirs) in &other.standings {
        if is_known(*theirs, standings.get(key))
            && let Some(ours) = standings.get_mut(key)
        {
            survey.counts.move_one(ours.outcome(), Outcome::Skipped);
            survey.to_do = survey.to_do.saturating_sub(1);
            survey.next.retain(|job| job.key != *key);
            ours.set_aside_now(Outcome::Skipped);
        }
    }
}

fn is_known(theirs: Standing, ours: Option<&Standing>) -> bool {
    matches!(theirs.outcome(), Outcome::Posted | Outcome::InDoubt)
        && ours.is_some_and(|ours| {
            ours.is_met(Pass::First) && matches!(ours.outcome(), Outcome::Pending | Outcome::Failed)
        })
}
