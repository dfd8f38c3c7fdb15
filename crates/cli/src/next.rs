//! The next commands to suggest for the state of a batch, the most useful first.

use std::fmt::Write as _;
use std::path::Path;

use batchpost::outcome::{Counts, Stop};

use crate::last_run::LastRun;
use crate::words::shell_word;

/// Maximum number of commands suggested.
const MOST: usize = 4;

/// The state of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Left<'a> {
    pub(crate) ledger: &'a Path,
    pub(crate) counts: &'a Counts,
    pub(crate) last_run: LastRun,
    /// Whether the last run's input was a file, which can be read again.
    pub(crate) file: bool,
    /// The options that `resume` needs to post like this command, each after a blank.
    pub(crate) again: &'a str,
}

/// A command and its purpose.
struct Hint {
    to: &'static str,
    command: String,
    /// Whether it writes to the ledger, which must then be unpacked.
    adds: bool,
}

/// A ledger's names in commands, quoted for a shell.
struct Names {
    as_it_is: String,
    /// Its name after unpacking, if it is packed.
    unpacked: Option<String>,
}

impl Names {
    fn of(ledger: &str) -> Self {
        Self { as_it_is: shell_word(ledger), unpacked: ledger.strip_suffix(".gz").map(shell_word) }
    }

    /// A command that only reads the ledger.
    fn look(&self, to: &'static str, command: impl FnOnce(&str) -> String) -> Hint {
        Hint { to, command: command(&self.as_it_is), adds: false }
    }

    /// A command that writes to the ledger.
    fn add(&self, to: &'static str, command: impl FnOnce(&str) -> String) -> Hint {
        Hint { to, command: command(self.unpacked.as_ref().unwrap_or(&self.as_it_is)), adds: true }
    }

    /// Orders commands so that they work when typed in turn: unpacking a ledger removes the packed one.
    fn in_order(&self, mut hints: Vec<Hint>) -> Vec<Hint> {
        if self.unpacked.is_some() {
            hints.sort_by_key(|hint| hint.adds);
            if let Some(first) = hints.iter().position(|hint| hint.adds) {
                let to = "to unpack the ledger, so that it can be continued";
                hints.insert(first, self.look(to, |ledger| format!("gunzip {ledger}")));
            }
        }
        hints
    }
}

/// Formats the commands, each after a line with its purpose.
pub(crate) fn in_words(left: Left<'_>) -> String {
    let names = Names::of(&left.ledger.display().to_string());
    let mut most = hints(left, &names);
    most.truncate(MOST);
    listed(&names.in_order(most))
}

fn listed(hints: &[Hint]) -> String {
    let mut text = String::new();
    for (place, hint) in hints.iter().enumerate() {
        let before = if place == 0 { "next" } else { "then" };
        writeln!(text, "{before}, {}:\n  {}", hint.to, hint.command).expect("memory takes writes");
    }
    text
}

/// Suggests commands after rows that need a decision were exported from `ledger` to `sheet`.
pub(crate) fn after_export(ledger: &Path, sheet: &Path) -> String {
    let names = Names::of(&ledger.display().to_string());
    let sheet = shell_word(&sheet.display().to_string());
    let to = "with its column `decision` filled in (posted, to-do or waived)";
    listed(&names.in_order(vec![names.add(to, |ledger| format!("batchpost settle {ledger} --from {sheet}"))]))
}

fn hints(left: Left<'_>, names: &Names) -> Vec<Hint> {
    let Left { counts, last_run, file, again, .. } = left;
    if let Some(hints) = while_in_use(last_run, names) {
        return hints;
    }
    let mut hints = Vec::new();
    let resume = |to| {
        names.add(to, |ledger| match file {
            true => format!("batchpost resume {ledger}{again}"),
            // The settings are not repeated here: the user who piped the input knows the command.
            false => format!("batchpost run - --ledger {ledger} ... < THE SAME INPUT"),
        })
    };
    let show = |to, state: &str| names.look(to, |ledger| format!("batchpost show {ledger} --state {state}"));
    match last_run.stopped() {
        Some(Stop::Refused) if counts.rejected > 0 => {
            hints.push(show("to see why rows were refused", "rejected"));
            let to = "once the cause is fixed, to send them again";
            hints.push(names.add(to, |ledger| format!("batchpost settle {ledger} --state rejected --as to-do")));
        }
        Some(Stop::Credentials) => hints.push(resume("once the access keys are right")),
        Some(Stop::Endpoint) => hints.push(resume("once the account's URL and access are right")),
        Some(Stop::Ledger) => hints.push(resume("once the ledger's disk works")),
        Some(Stop::Input) => hints.push(resume("once the input is complete and no longer written to")),
        Some(Stop::Refused | Stop::Outage | Stop::Limited | Stop::Interrupted | Stop::Planned) => {
            hints.push(resume("to continue"));
        }
        None => hints.extend(to_go_on(last_run, counts).map(resume)),
    }
    let export = |to, rest: &str| names.look(to, |ledger| format!("batchpost export {ledger} {rest}"));
    if counts.in_doubt > 0 {
        hints.push(show("to see which rows are in doubt", "in_doubt"));
        hints.push(export("to decide about them in a spreadsheet", "--state in_doubt -o in-doubt.csv"));
    }
    let ended_well = matches!(last_run, LastRun::Ended { stopped: None, .. });
    if ended_well && counts.failed > 0 && counts.pending == 0 {
        hints.push(resume("to try the failed rows again"));
    }
    if counts.rejected + counts.failed + counts.invalid > 0 {
        hints.push(export("to export the rows that were not posted", "-o not-posted.csv"));
    }
    if counts.held > 0 {
        hints.push(show("to see why rows are held", "held"));
        let to = "to send all of them (or some, with --rows)";
        hints.push(names.add(to, |ledger| format!("batchpost settle {ledger} --state held --as to-do")));
    }
    if hints.is_empty() {
        hints.push(names.look("to look at it as a page", |ledger| format!("batchpost report {ledger}")));
    }
    hints
}

/// The purpose of `resume` after a run that was not stopped; `None` if there is none.
fn to_go_on(last_run: LastRun, counts: &Counts) -> Option<&'static str> {
    let rows_are_left = counts.pending + counts.failed > 0;
    match last_run {
        LastRun::CutOff { .. } => rows_are_left.then_some("to continue"),
        LastRun::Unclear { .. } => rows_are_left.then_some("to continue, unless it is still running"),
        // Rows were settled as to do after the run ended.
        LastRun::Ended { .. } => (counts.pending > 0).then_some("to send the rows to do"),
        LastRun::UnderWay { .. } => None,
    }
}

/// For a ledger in use: commands that write to it must wait.
fn while_in_use(last_run: LastRun, names: &Names) -> Option<Vec<Hint>> {
    let status = |to| names.look(to, |ledger| format!("batchpost status {ledger}"));
    match last_run {
        LastRun::UnderWay { process } => Some(vec![
            status("to see its progress, and what to do once it has ended"),
            names.look("to end it early, like Ctrl-C", |_| format!("kill -INT {process}")),
        ]),
        LastRun::Ended { in_use, .. } | LastRun::CutOff { in_use } | LastRun::Unclear { in_use } => {
            in_use.map(|_| vec![status("once that process has ended, to see what to do")])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A batch whose input was a file.
    fn left<'a>(ledger: &'a str, stopped: Option<Stop>, counts: &'a Counts) -> Left<'a> {
        Left {
            ledger: Path::new(ledger),
            counts,
            last_run: LastRun::Ended { stopped, in_use: None },
            file: true,
            again: "",
        }
    }

    fn of(ledger: &str, stopped: Option<Stop>, counts: Counts) -> String {
        in_words(left(ledger, stopped, &counts))
    }

    #[test]
    fn the_first_command_is_the_one_that_helps_most() {
        let first = |stopped, counts| of("l", stopped, counts).lines().take(2).collect::<Vec<_>>().join("");
        let nothing = Counts { posted: 3, ..Counts::default() };
        assert_eq!(first(None, nothing), "next, to look at it as a page:  batchpost report l");
        let doubt = Counts { in_doubt: 1, failed: 1, ..nothing };
        assert_eq!(first(None, doubt), "next, to see which rows are in doubt:  batchpost show l --state in_doubt");
        assert_eq!(first(Some(Stop::Outage), doubt), "next, to continue:  batchpost resume l");
        assert_eq!(
            first(Some(Stop::Refused), Counts { rejected: 25, ..doubt }),
            "next, to see why rows were refused:  batchpost show l --state rejected"
        );
        let failed = Counts { failed: 1, ..nothing };
        assert_eq!(first(None, failed), "next, to try the failed rows again:  batchpost resume l");
    }

    #[test]
    fn rows_that_were_settled_as_to_do_are_to_be_sent_by_resume() {
        let commands = |stopped, counts: Counts| -> Vec<String> {
            of("l", stopped, counts)
                .lines()
                .filter_map(|line| line.strip_prefix("  batchpost "))
                .map(str::to_owned)
                .collect()
        };
        let to_do = Counts { pending: 2, posted: 1, ..Counts::default() };
        assert_eq!(commands(None, to_do), ["resume l"]);
        assert_eq!(commands(Some(Stop::Refused), to_do), ["resume l"]);
        let failed = Counts { failed: 1, ..to_do };
        assert_eq!(commands(None, failed), ["resume l", "export l -o not-posted.csv"]);
    }

    #[test]
    fn an_export_is_given_back_with_its_decisions_to_a_ledger_that_is_unpacked() {
        let after = |ledger| after_export(Path::new(ledger), Path::new("my doubts.csv"));
        let decided = "with its column `decision` filled in (posted, to-do or waived):\n";
        assert_eq!(after("l"), format!("next, {decided}  batchpost settle l --from 'my doubts.csv'\n"));
        assert!(
            after("l.gz")
                .ends_with(&format!("  gunzip l.gz\nthen, {decided}  batchpost settle l --from 'my doubts.csv'\n"))
        );
    }

    #[test]
    fn they_stand_on_lines_of_their_own_with_names_quoted() {
        let counts = Counts { rejected: 2, held: 1, ..Counts::default() };
        assert_eq!(
            of("my notes.jsonl", None, counts),
            "next, to export the rows that were not posted:
  batchpost export 'my notes.jsonl' -o not-posted.csv
then, to see why rows are held:
  batchpost show 'my notes.jsonl' --state held
then, to send all of them (or some, with --rows):
  batchpost settle 'my notes.jsonl' --state held --as to-do
"
        );
    }

    #[test]
    fn a_packed_ledger_is_unpacked_before_it_goes_on_and_looked_at_as_it_is_before_that() {
        let counts = Counts { pending: 2, ..Counts::default() };
        assert_eq!(
            of("a.jsonl.gz", Some(Stop::Planned), counts),
            "next, to unpack the ledger, so that it can be continued:
  gunzip a.jsonl.gz
then, to continue:
  batchpost resume a.jsonl
"
        );
        assert_eq!(
            of("a.jsonl.gz", None, Counts { failed: 1, in_doubt: 1, ..Counts::default() }),
            "next, to see which rows are in doubt:
  batchpost show a.jsonl.gz --state in_doubt
then, to decide about them in a spreadsheet:
  batchpost export a.jsonl.gz --state in_doubt -o in-doubt.csv
then, to export the rows that were not posted:
  batchpost export a.jsonl.gz -o not-posted.csv
then, to unpack the ledger, so that it can be continued:
  gunzip a.jsonl.gz
then, to try the failed rows again:
  batchpost resume a.jsonl
"
        );
        assert_eq!(
            of("a.jsonl.gz", None, Counts { rejected: 1, ..Counts::default() }),
            "next, to export the rows that were not posted:\n  batchpost export a.jsonl.gz -o not-posted.csv\n"
        );
        assert!(of("a.jsonl.gz", None, Counts::default()).ends_with("batchpost report a.jsonl.gz\n"));
    }

    #[test]
    fn what_the_ledger_does_not_know_is_repeated_where_it_is_posted_again() {
        let counts = Counts { failed: 1, rejected: 1, ..Counts::default() };
        let again = " --profile 'the north'";
        let text = in_words(Left { again, ..left("l", None, &counts) });
        let commands: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("  batchpost ")).collect();
        assert_eq!(commands, ["resume l --profile 'the north'", "export l -o not-posted.csv"]);
    }

    #[test]
    fn nothing_is_advised_that_a_ledger_in_use_would_refuse() {
        let counts = Counts { pending: 9, in_doubt: 2, failed: 1, held: 1, ..Counts::default() };
        let commands = |last_run| -> Vec<String> {
            let text = in_words(Left { last_run, ..left("l", None, &counts) });
            text.lines().filter_map(|line| line.strip_prefix("  ")).map(str::to_owned).collect()
        };
        assert_eq!(commands(LastRun::UnderWay { process: 42 }), ["batchpost status l", "kill -INT 42"]);
        let in_use = Some(42);
        for last_run in [
            LastRun::Unclear { in_use },
            LastRun::CutOff { in_use },
            LastRun::Ended { stopped: Some(Stop::Planned), in_use },
        ] {
            assert_eq!(commands(last_run), ["batchpost status l"], "{last_run:?}");
        }
    }
}
