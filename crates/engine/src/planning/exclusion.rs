//! Excludes single rows of the input, independent of other rows.

use std::borrow::Cow;

use super::identity::Occurrence;
use super::planner::ReadPolicy;
use super::row::{Content, Defect};
use crate::job::{Job, Key, Position};
use crate::ledger::{ExcludedRow, JobState};
use crate::outcome::Outcome;
use crate::settings::OnDuplicate;

/// Why a row is held.
pub(super) const HELD: &str =
    "this may be an edit of a note on the same ticket that was posted (or may have been) and is no longer in the input";

/// Excludes an invalid row, and a duplicate of an earlier row if duplicates are not posted.
pub(super) fn exclude_unsendable(content: &Content, met: Occurrence, policy: &ReadPolicy, job_state: &mut JobState) {
    // Keep a state that comes from an attempt or a person's decision.
    if job_state.outcome() != Outcome::Pending || job_state.attempts() > 0 || job_state.is_released() {
        return;
    }
    match content {
        Content::Invalid { .. } => job_state.exclude_now(Outcome::Invalid),
        // Rows with the same name need not be identical, so the setting for identical rows does not apply.
        Content::Note { name: Some(_), .. } if met.again => job_state.exclude_now(Outcome::Invalid),
        Content::Note { .. } if skips_repeat(policy, met.again, met.content) => job_state.exclude_now(Outcome::Skipped),
        Content::Note { .. } | Content::Blank => {}
    }
}

/// Whether a note is skipped because an earlier row has its key. `content` is the content key if a column
/// names the job.
pub(super) fn skips_repeat(policy: &ReadPolicy, again: bool, content: Option<Key>) -> bool {
    again && content.is_none() && policy.duplicates == OnDuplicate::Skip
}

/// Holds a row that may be an edit of a posted one, and makes a row pending again that can no longer be one.
pub(super) fn hold(job_state: &mut JobState, changed: bool) {
    match job_state.outcome() {
        Outcome::Held if !changed => job_state.take_up_again(),
        // A job with an earlier attempt is not an edit. A row that a person released stays released.
        Outcome::Pending if changed && job_state.attempts() == 0 && !job_state.is_released() => {
            job_state.hold_now();
        }
        _ => {}
    }
}

/// The defect of an invalid row; `None` for a valid one.
pub(super) fn defect(content: &Content, again: bool) -> Option<Cow<'_, Defect>> {
    match content {
        Content::Invalid { reason, .. } => Some(Cow::Borrowed(reason)),
        Content::Note { name: Some(name), .. } if again => Some(Cow::Owned(Defect::repeated_name(name))),
        Content::Note { .. } | Content::Blank => None,
    }
}

/// The record of a note whose state was set by this run. `again`: an earlier row has the same content.
pub(super) fn excluded_row(job: Job, again: bool, outcome: Outcome) -> ExcludedRow {
    let why = match outcome {
        Outcome::Held => HELD,
        Outcome::Pending => "there is no longer a reason to hold it",
        Outcome::InDoubt => "records of this ledger were lost, and one of them may have sent it",
        _ if again => "it repeats an earlier row of the input",
        _ => "another ledger of the same account has it as posted or in doubt",
    };
    let Position { record, line, .. } = job.position;
    ExcludedRow { row: record, line, key: job.key, ticket: Some(job.ticket), outcome, why: why.to_owned() }
}
