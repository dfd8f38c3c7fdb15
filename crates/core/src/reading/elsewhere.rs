//! What another ledger of the same target knows of an input's rows.

use std::io::Read;

use super::Survey;
use super::identity::content_key;
use crate::input::{Content, InputError, Rows};
use crate::job::{Identity, Key, KeyMap};
use crate::ledger::{Batch, Pass, Standing};
use crate::outcome::Outcome;

/// Counts the rows to do that `other` has as posted or in doubt, after a survey has entered them into `standings`.
pub fn known_elsewhere(other: &Batch, standings: &KeyMap<Standing>) -> u64 {
    other.standings.iter().filter(|(key, theirs)| is_known(**theirs, standings.get(*key))).count() as u64
}

/// Sets those rows aside as skipped.
pub fn skip_known(other: &Batch, standings: &mut KeyMap<Standing>, survey: &mut Survey) {
    for (key, theirs) in &other.standings {
        if is_known(*theirs, standings.get(key)) {
            skip(*key, standings, survey);
        }
    }
}

/// Of the rows to do that a column names, those that `other` has as posted or in doubt by their content: it may be the
/// ledger of a run that was not told of the column. Rows that it knows by their names are not among them.
///
/// There is nothing in memory for rows that `other` does not know.
///
/// # Errors
///
/// When the input cannot be read.
pub fn known_by_content<R: Read>(
    rows: &mut Rows<R>,
    identity: &Identity,
    other: &Batch,
    standings: &KeyMap<Standing>,
) -> Result<Vec<Key>, InputError> {
    // How many rows of a content that `other` knows were met: it may know fewer of them than there are.
    let mut met: KeyMap<u32> = KeyMap::default();
    let mut known = Vec::new();
    while let Some(row) = rows.next()? {
        let Content::Note { ticket, text, uncut, name: Some(name) } = &row.content else { continue };
        let content = content_key(identity, ticket, text, uncut.as_deref());
        if !other.standings.contains_key(&content) {
            continue;
        }
        let occurrence = met.entry(content).or_insert(0);
        let theirs = other.standings.get(&content.occurrence(*occurrence)).copied().unwrap_or_default();
        *occurrence += 1;
        let key = Key::of_name(identity, name);
        let by_name = other.standings.get(&key).copied().unwrap_or_default();
        if is_known(theirs, standings.get(&key)) && !was_sent(by_name) {
            known.push(key);
        }
    }
    Ok(known)
}

/// Sets the rows with these keys aside as skipped.
pub fn skip_rows(keys: &[Key], standings: &mut KeyMap<Standing>, survey: &mut Survey) {
    keys.iter().for_each(|key| skip(*key, standings, survey));
}

fn skip(key: Key, standings: &mut KeyMap<Standing>, survey: &mut Survey) {
    let Some(ours) = standings.get_mut(&key) else { return };
    survey.counts.move_one(ours.outcome(), Outcome::Skipped);
    survey.to_do = survey.to_do.saturating_sub(1);
    survey.next.retain(|job| job.key != key);
    ours.set_aside_now(Outcome::Skipped);
}

fn is_known(theirs: Standing, ours: Option<&Standing>) -> bool {
    was_sent(theirs)
        && ours.is_some_and(|ours| {
            ours.is_met(Pass::First) && matches!(ours.outcome(), Outcome::Pending | Outcome::Failed)
        })
}

fn was_sent(standing: Standing) -> bool {
    matches!(standing.outcome(), Outcome::Posted | Outcome::InDoubt)
}
