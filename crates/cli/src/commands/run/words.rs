//! Messages of a run before and after it posts.

use std::fs::File;
use std::io::{self, BufReader, IsTerminal};
use std::path::{Path, absolute};

use batchpost::batch::{Prepared, RunReport, Source};
use batchpost::input::TooLong;
use batchpost::outcome::Stop;
use batchpost::planning::RowNote;
use batchpost::settings::{InDoubt, OnDuplicate, Settings, Sharing};
use tracing::{info, warn};

use super::answered_yes;
use crate::finish::Finish;
use crate::last_run::LastRun;
use crate::next::{self, Left};
use crate::summary::{self, thousands};
use crate::words::{count, shell_word, span};

/// Lists invalid rows, and what to do about them.
pub(super) fn complain_of_invalid(prepared: &Prepared) {
    let Some(read_summary) = prepared.read_summary() else { return };
    for note in &read_summary.invalid {
        say!("{}: {}", note.position, note.what);
    }
    let more = read_summary.counts.invalid - read_summary.invalid.len() as u64;
    if more > 0 {
        say!("and {} more", thousands(more));
    }
    say!(
        "batchpost: {} of {} cannot be posted; nothing was sent. Fix them, or pass --skip-invalid to post the others",
        thousands(read_summary.counts.invalid),
        count(read_summary.rows, "row", "rows")
    );
    if let Some(likely) = prepared.likely_encoding() {
        say!("some cells are not UTF-8 and look like {likely}; if they are, pass --encoding {likely}");
    }
    if prepared.run_request().options.max_text.is_some_and(|most| most.too_long == TooLong::Reject) {
        say!("pass --too-long truncate to shorten texts that are too long");
    }
}

/// On a terminal, shows what the run will do and asks for confirmation. Otherwise, or if nothing is to be
/// sent, returns `true`.
pub(super) fn agreed(prepared: &Prepared) -> anyhow::Result<bool> {
    let (Some(read_summary), Some(to_send @ 1..)) = (prepared.read_summary(), prepared.to_send()) else {
        return Ok(true);
    };
    let run_request = prepared.run_request();
    let Some(mut person) = Person::there(&run_request.source) else { return Ok(true) };
    say!("to        {}", run_request.policy.identity.account());
    say!("ledger    {}", run_request.ledger.display());
    ask!("{}", summary::table(&read_summary.counts, read_summary.blank));
    if read_summary.duplicates > 0 {
        let named: Vec<String> = read_summary.repeats.iter().map(|note| note.position.record.to_string()).collect();
        let more = if read_summary.duplicates > named.len() as u64 { ", ..." } else { "" };
        let done = match run_request.settings.duplicates {
            OnDuplicate::Post => "each is posted (--duplicates skip posts one)",
            OnDuplicate::Skip => "they are skipped",
        };
        let rows = format!("rows {}{more}", named.join(", "));
        say!("{:>10}  of them identical to an earlier row; {done}: {rows}", thousands(read_summary.duplicates));
    }
    if let Some(job) = read_summary.next.first() {
        say!("first     ticket {}, {}:", job.ticket, job.position);
        for line in job.text.lines().take(5) {
            say!("          {line}");
        }
    }
    let finish = Finish::of(run_request, to_send);
    ask!("Post {} notes, {}? [y/N] ", thousands(to_send), finish.in_words());
    person.answers_yes()
}

/// A person at the terminal.
enum Person {
    /// Typing on standard input.
    OnStdin,
    /// Typing on the terminal, while standard input is something else.
    AtTerminal(BufReader<File>),
}

impl Person {
    fn there(source: &Source) -> Option<Self> {
        if !io::stderr().is_terminal() {
            return None;
        }
        match source {
            Source::File(_) => io::stdin().is_terminal().then_some(Self::OnStdin),
            Source::Stdin | Source::Follow => {
                let terminal = if cfg!(windows) { "CONIN$" } else { "/dev/tty" };
                File::open(terminal).ok().map(|file| Self::AtTerminal(BufReader::new(file)))
            }
        }
    }

    fn answers_yes(&mut self) -> anyhow::Result<bool> {
        match self {
            Self::OnStdin => answered_yes(&mut io::stdin().lock()),
            Self::AtTerminal(terminal) => answered_yes(terminal),
        }
    }
}

/// Logs how a resumed run differs from the last one in settings, state folder and input.
pub(super) fn report_differences(
    (before, state_before, last_input): (&Settings, Option<&Path>, Option<&str>),
    settings: &Settings,
    state: Option<&Path>,
    input: &Path,
) {
    let mut unlike = Vec::new();
    if settings.budget != before.budget {
        unlike.push(match settings.budget {
            Sharing::Shared => "the account's budget is shared with other runs".to_owned(),
            Sharing::Private => "the account's budget is not shared with other runs".to_owned(),
        });
    }
    if let Some(folder) = state.filter(|folder| settings.shares() && state_before != Some(*folder)) {
        unlike.push(format!("the state folder is {}", folder.display()));
    }
    // A path that cannot be made absolute counts as different.
    if last_input.is_some_and(|last| absolute(input).ok().as_deref() != Some(Path::new(last))) {
        unlike.push(format!("the input is {}", input.display()));
    }
    if !unlike.is_empty() {
        info!(event = "unlike", "unlike the last run, {}", unlike.join(", and "));
    }
}

/// Logs what will be posted, after the confirmation.
pub(super) fn say_what_is_done(prepared: &Prepared) {
    let run_request = prepared.run_request();
    let input = match &run_request.source {
        Source::File(path) => path.display().to_string(),
        Source::Stdin | Source::Follow => "standard input".to_owned(),
    };
    match prepared.read_summary() {
        Some(read_summary) => info!(
            event = "begun",
            rows = read_summary.rows,
            to_do = read_summary.to_do,
            posted = read_summary.counts.posted,
            in_doubt = read_summary.counts.in_doubt,
            ledger = %run_request.ledger.display(),
            "{} {input}",
            if prepared.continues() { "continuing" } else { "posting" },
        ),
        None => {
            info!(event = "begun", ledger = %run_request.ledger.display(), "posting rows of {input} as they arrive");
        }
    }
}

/// Logs what is known about the rows, before the confirmation.
pub(super) fn say_what_was_found(prepared: &Prepared) {
    for other in prepared.known_by() {
        let (rows, ledger, dates) = (other.rows, other.path.display(), other.days().unwrap_or_default());
        if rows > 0 {
            warn!(event = "known", rows, %ledger, "rows are recorded as posted or in doubt by another ledger ({dates})");
        }
        if other.other_content > 0 {
            let rows = other.other_content;
            warn!(event = "same_name", rows, %ledger, "rows have the --key value of a row that another ledger posted with different content; they are posted");
        }
    }
    for (ledger, why) in prepared.unreadable_ledgers() {
        warn!(ledger = %ledger.display(), why, "a ledger of the account cannot be read; rows recorded only there are not recognised");
    }
    let ledger = shell_word(&prepared.run_request().ledger.display().to_string());
    for note in prepared.read_summary().map(|read_summary| read_summary.held.as_slice()).unwrap_or_default() {
        let (row, ticket) = row_and_ticket(note);
        warn!(
            event = "held",
            row,
            %ticket,
            "held: {} (--changed post, or `batchpost settle {ledger} --rows {row} --as to-do` after this run)",
            note.what,
        );
    }
    let (vanished, in_doubt) = prepared.vanished();
    if vanished > 0 {
        warn!(
            event = "vanished",
            vanished, in_doubt, "rows that were posted or refused before are no longer in the input"
        );
    }
}

/// Rows in doubt: the first of them with row and ticket, and the total number.
#[derive(Default)]
pub(super) struct LeftInDoubt {
    named: Vec<RowNote>,
    all: u64,
}

impl LeftInDoubt {
    /// The rows left in doubt by an earlier run, unless they are to be sent again.
    pub(super) fn of(prepared: &Prepared) -> Self {
        let read_summary = prepared.read_summary().filter(|_| prepared.run_request().policy.in_doubt == InDoubt::Hold);
        read_summary
            .map(|read_summary| Self { named: read_summary.in_doubt.clone(), all: read_summary.counts.in_doubt })
            .unwrap_or_default()
    }

    pub(super) fn say(&self) {
        for note in &self.named {
            let (row, ticket) = row_and_ticket(note);
            warn!(event = "in_doubt", row, %ticket, "in doubt since an earlier run: {}", note.what);
        }
        let more = self.all - self.named.len() as u64;
        if more > 0 {
            warn!("and {} more rows in doubt; `batchpost show --state in_doubt` lists them", thousands(more));
        }
    }
}

/// The row number and ticket of a row, for a log line.
fn row_and_ticket(note: &RowNote) -> (u64, String) {
    (note.position.record, note.ticket.as_ref().map(ToString::to_string).unwrap_or_default())
}

/// Logs the result, for readers of the log alone.
pub(super) fn say_how_it_ended(report: &RunReport, exit_code: u8) {
    let counts = &report.counts;
    info!(
        event = "ended",
        exit_code,
        stopped = report.stopped.map(Stop::word),
        posted_now = report.posted_now,
        attempts_now = report.attempts_now,
        limited_now = report.limited_now,
        elapsed_s = report.elapsed.as_secs_f64(),
        posted = counts.posted,
        pending = counts.pending,
        in_doubt = counts.in_doubt,
        failed = counts.failed,
        rejected = counts.rejected,
        invalid = counts.invalid,
        held = counts.held,
        skipped = counts.skipped,
        "the run has ended"
    );
}

/// The run's result and the next commands to suggest.
pub(super) fn in_words(report: &RunReport, ledger: &Path, source: &Source, again: &str) -> String {
    let mut text = summary::table(&report.counts, report.blank);
    let limited = match report.limited_now {
        0 => "none over the limit".to_owned(),
        limited => format!("{} over the limit", thousands(limited)),
    };
    text += &format!(
        "{} posted by this run in {}; {}, {limited}\nledger: {}\n",
        thousands(report.posted_now),
        span(report.elapsed),
        count(report.attempts_now, "attempt", "attempts"),
        ledger.display()
    );
    if let Some(stop) = report.stopped {
        text += &format!("stopped: {stop}\n");
    }
    if !report.is_recorded {
        text += "these counts cover the records known to be written; `batchpost status` reads the ledger\n";
    }
    if report.vanished_in_doubt > 0 {
        text += &format!("in doubt and no longer in the input: {}\n", thousands(report.vanished_in_doubt));
    }
    let file = matches!(source, Source::File(_));
    let last_run = LastRun::Ended { stopped: report.stopped, in_use: None };
    let left = Left { ledger, counts: &report.counts, last_run, file, again };
    text + &next::in_words(left)
}
