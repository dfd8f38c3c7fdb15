//! What keeps a row of the input from being sent, whatever becomes of the others.

use std::borrow::Cow;

use super::identity::Met;
use super::survey::Ask;
use crate::input::{Content, InvalidRow};
use crate::ledger::Standing;
use crate::outcome::Outcome;
use crate::settings::OnDuplicate;

/// Why a row is held.
pub(super) const HELD: &str =
    "another note on its ticket was posted, or may have been, and is no longer in the input: this may be an edit of it";

/// Sets a row aside of which no job can be made, and one that repeats an earlier row where it is not to be posted.
pub(super) fn set_aside(content: &Content, met: Met, ask: &Ask, standing: &mut Standing) {
    // What was attempted, or decided by a person, stands.
    if standing.outcome() != Outcome::Pending || standing.attempts() > 0 || standing.is_released() {
        return;
    }
    match content {
        Content::Invalid { .. } => standing.set_aside_now(Outcome::Invalid),
        // Rows with one name need not be alike, so whether to post rows that are does not bear on them.
        Content::Note { name: Some(_), .. } if met.again => standing.set_aside_now(Outcome::Invalid),
        Content::Note { name: None, .. } if met.again && ask.duplicates == OnDuplicate::Skip => {
            standing.set_aside_now(Outcome::Skipped);
        }
        Content::Note { .. } | Content::Blank => {}
    }
}

/// Holds a row that may be an edit of one that was posted, and takes one up again that no longer is.
pub(super) fn hold(standing: &mut Standing, changed: bool) {
    match standing.outcome() {
        Outcome::Held if !changed => standing.take_up_again(),
        // A job that was attempted before is no edit, and what a person released is theirs to answer for.
        Outcome::Pending if changed && standing.attempts() == 0 && !standing.is_released() => {
            standing.hold_now();
        }
        _ => {}
    }
}

/// What is wrong with a row that was set aside as invalid.
pub(super) fn fault(content: &Content) -> Option<Cow<'_, InvalidRow>> {
    match content {
        Content::Invalid { reason, .. } => Some(Cow::Borrowed(reason)),
        Content::Note { name: Some(name), .. } => Some(Cow::Owned(InvalidRow::RepeatedName { name: name.clone() })),
        Content::Note { .. } | Content::Blank => None,
    }
}

/// Why a row stands where this run has set it.
pub(super) fn why(content: &Content, met: Met, stands: Outcome) -> String {
    let words = match stands {
        Outcome::Held => HELD,
        Outcome::Pending => "nothing speaks for holding it any more",
        Outcome::InDoubt => "records of this ledger were lost, and it may have been sent by one of them",
        Outcome::Invalid => return fault(content).map(|reason| reason.to_string()).unwrap_or_default(),
        _ if met.again => "it repeats an earlier row of the input",
        _ => "another ledger of the same target has it as posted or in doubt",
    };
    words.to_owned()
}
