//! What to type next, by how a batch stands: the most useful command first.

use std::fmt::Write as _;
use std::path::Path;

use batchpost::outcome::{Counts, Stop};

use crate::words::shell_word;

/// More commands than this are a list, not a hint.
const MOST: usize = 4;

/// How a batch was left.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Left<'a> {
    pub(crate) ledger: &'a Path,
    pub(crate) counts: &'a Counts,
    pub(crate) stopped: Option<Stop>,
    /// A run has not ended, or was cut off.
    pub(crate) cut_off: bool,
    /// The last run's input was a file, so that it can be read again.
    pub(crate) file: bool,
}

/// A command, and what it is good for.
struct Hint {
    to: &'static str,
    command: String,
}

/// The commands, each after a line that says what it is for.
pub(crate) fn in_words(left: Left<'_>) -> String {
    let mut text = String::new();
    for (place, hint) in hints(left).iter().take(MOST).enumerate() {
        let before = if place == 0 { "next" } else { "then" };
        writeln!(text, "{before}, {}:\n  {}", hint.to, hint.command).expect("memory takes writes");
    }
    text
}

fn hints(left: Left<'_>) -> Vec<Hint> {
    let Left { counts, stopped, cut_off, file, .. } = left;
    let mut hints = Vec::new();
    let packed = left.ledger.display().to_string();
    let unpacked = packed.strip_suffix(".gz");
    let ledger = shell_word(unpacked.unwrap_or(&packed));
    let mut hint = |to, command: String| hints.push(Hint { to, command });
    let resume = match file {
        true => format!("batchpost resume {ledger}"),
        // Its settings are not repeated here: whoever piped it in knows the command.
        false => format!("batchpost run - --ledger {ledger} ... < THE SAME INPUT"),
    };
    let show = |state: &str| format!("batchpost show {ledger} --state {state}");
    let settle = |rest: &str| format!("batchpost settle {ledger} {rest}");
    let to_send = counts.pending + counts.failed;
    if unpacked.is_some() && (to_send > 0 || stopped.is_some()) {
        hint("to unpack the ledger, without which it cannot go on", format!("gunzip {}", shell_word(&packed)));
    }
    match stopped {
        Some(Stop::Refused) => {
            hint("to see why rows were refused", show("rejected"));
            hint("once the cause is mended, to have them sent again", settle("--state rejected --as to-do"));
        }
        Some(Stop::Credentials) => hint("once the access keys are right", resume.clone()),
        Some(Stop::Endpoint) => hint("once the account's URL and access are right", resume.clone()),
        Some(Stop::Ledger) => hint("once the ledger's disk is well", resume.clone()),
        Some(Stop::Input) => hint("once the input is whole and nobody writes to it", resume.clone()),
        Some(Stop::Outage | Stop::Limited | Stop::Interrupted | Stop::Planned) => hint("to go on", resume.clone()),
        None if cut_off && to_send > 0 => hint("unless it is still under way, to go on", resume.clone()),
        None => {}
    }
    if counts.in_doubt > 0 {
        hint("to see which rows are in doubt", show("in_doubt"));
        hint("to decide about them in a sheet", format!("batchpost export {ledger} --state in_doubt -o in-doubt.csv"));
    }
    if stopped.is_none() && !cut_off && counts.failed > 0 {
        hint("to try the failed rows again", resume);
    }
    if counts.rejected + counts.failed + counts.invalid > 0 {
        hint(
            "to have the rows that were not posted as a sheet",
            format!("batchpost export {ledger} -o not-posted.csv"),
        );
    }
    if counts.held > 0 {
        hint("to see why rows are held", show("held"));
    }
    if hints.is_empty() {
        let ledger = shell_word(&packed);
        hints.push(Hint { to: "to look at it as a page", command: format!("batchpost report {ledger}") });
    }
    hints
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ledger: &str, stopped: Option<Stop>, counts: Counts) -> String {
        in_words(Left { ledger: Path::new(ledger), counts: &counts, stopped, cut_off: false, file: true })
    }

    #[test]
    fn the_first_command_is_the_one_that_helps_most() {
        let first = |stopped, counts| of("l", stopped, counts).lines().take(2).collect::<Vec<_>>().join("");
        let nothing = Counts { posted: 3, ..Counts::default() };
        assert_eq!(first(None, nothing), "next, to look at it as a page:  batchpost report l");
        let doubt = Counts { in_doubt: 1, failed: 1, ..nothing };
        assert_eq!(first(None, doubt), "next, to see which rows are in doubt:  batchpost show l --state in_doubt");
        assert_eq!(first(Some(Stop::Outage), doubt), "next, to go on:  batchpost resume l");
        assert_eq!(
            first(Some(Stop::Refused), doubt),
            "next, to see why rows were refused:  batchpost show l --state rejected"
        );
        let failed = Counts { failed: 1, ..nothing };
        assert_eq!(first(None, failed), "next, to try the failed rows again:  batchpost resume l");
    }

    #[test]
    fn they_stand_on_lines_of_their_own_with_names_quoted() {
        let counts = Counts { rejected: 2, held: 1, ..Counts::default() };
        assert_eq!(
            of("my notes.jsonl", None, counts),
            "next, to have the rows that were not posted as a sheet:
  batchpost export 'my notes.jsonl' -o not-posted.csv
then, to see why rows are held:
  batchpost show 'my notes.jsonl' --state held
"
        );
    }

    #[test]
    fn a_packed_ledger_is_unpacked_before_it_goes_on_and_reported_as_it_is() {
        let counts = Counts { pending: 2, ..Counts::default() };
        assert_eq!(
            of("a.jsonl.gz", Some(Stop::Planned), counts),
            "next, to unpack the ledger, without which it cannot go on:
  gunzip a.jsonl.gz
then, to go on:
  batchpost resume a.jsonl
"
        );
        assert!(of("a.jsonl.gz", None, Counts::default()).ends_with("batchpost report a.jsonl.gz\n"));
    }
}
