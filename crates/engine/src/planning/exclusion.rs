//! What keeps a row of the input from being sent, whatever becomes of the others.

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
    "another note on its ticket was posted, or may have been, and is no longer in the input: this may be an edit of it";

/// Sets a row aside of which no job can be made, and one that repeats an earlier row where it is not to be posted.
pub(super) fn exclude_unsendable(content: &Content, met: Occurrence, policy: &ReadPolicy, job_state: &mut JobState) {
    // What was attempted, or decided by a person, stands.
    if job_state.outcome() != Outcome::Pending || job_state.attempts() > 0 || job_state.is_released() {
        return;
    }
    match content {
        Content::Invalid { .. } => job_state.exclude_now(Outcome::Invalid),
        // Rows with one name need not be alike, so whether to post rows that are does not bear on them.
        Content::Note { name: Some(_), .. } if met.again => job_state.exclude_now(Outcome::Invalid),
        Content::Note { .. } if skips_repeat(policy, met.again, met.content) => job_state.exclude_now(Outcome::Skipped),
        Content::Note { .. } | Content::Blank => {}
    }
}

/// Whether a note is left out because an earlier row has its key. `content` is the content key of one that a column names.
pub(super) fn skips_repeat(policy: &ReadPolicy, again: bool, content: Option<Key>) -> bool {
    again && content.is_none() && policy.duplicates == OnDuplicate::Skip
}

/// Holds a row that may be an edit of one that was posted, and takes one up again that no longer is.
pub(super) fn hold(job_state: &mut JobState, changed: bool) {
    match job_state.outcome() {
        Outcome::Held if !changed => job_state.take_up_again(),
        // A job that was attempted before is no edit, and what a person released is theirs to answer for.
        Outcome::Pending if changed && job_state.attempts() == 0 && !job_state.is_released() => {
            job_state.hold_now();
        }
        _ => {}
    }
}

/// What is wrong with a row of which no job can be made; none of another.
pub(super) fn defect(content: &Content, again: bool) -> Option<Cow<'_, Defect>> {
    match content {
        Content::Invalid { reason, .. } => Some(Cow::Borrowed(reason)),
        Content::Note { name: Some(name), .. } if again => Some(Cow::Owned(Defect::repeated_name(name))),
        Content::Note { .. } | Content::Blank => None,
    }
}

/// The record of a note that stands where this run has set it. `again` says that an earlier row has the same content.
pub(super) fn excluded_row(job: Job, again: bool, stands: Outcome) -> ExcludedRow {
    let why = match stands {
        Outcome::Held => HELD,
        Outcome::Pending => "no reason to hold it is left",
        Outcome::InDoubt => "records of this ledger were lost, and one of them may have sent it",
        _ if again => "it repeats an earlier row of the input",
        _ => "another ledger of the same account has it as posted or in doubt",
    };
    let Position { record, line, .. } = job.position;
    ExcludedRow { row: record, line, key: job.key, ticket: Some(job.ticket), stands, why: why.to_owned() }
}
