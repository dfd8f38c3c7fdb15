//! What a person sees of a run: a bar on a terminal, a line now and then elsewhere.

use std::time::Duration;

use batchpost::engine::{Cause, Notice, Progress, Waiting};
use batchpost::outcome::{Outcome, VerdictWord};
use batchpost::shell::Observation;
use indicatif::{ProgressBar, ProgressStyle};
use tracing::{debug, error, info, trace, warn};

use crate::logging::Screen;

/// Off a terminal, one line of progress in this time.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Rows of each kind that are named one by one before it is left at counting.
const MOST_NAMED: u32 = 20;

/// Watches a run.
pub(crate) struct Watcher {
    bar: Option<ProgressBar>,
    next_line: Duration,
    /// Attempts at the last line, for the rate since.
    last: (Duration, u64),
    rate: f64,
    named: [u32; Outcome::ALL.len()],
}

impl Watcher {
    /// A watcher of a run over `rows` rows; none where the number is not known.
    pub(crate) fn new(screen: &Screen, rows: Option<u64>, quiet: bool) -> Self {
        let on_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr()) && !quiet;
        let bar = on_terminal.then(|| {
            let bar = rows.map_or_else(ProgressBar::no_length, ProgressBar::new);
            let style = ProgressStyle::with_template("{elapsed_precise} {wide_bar} {pos}/{len} {msg}")
                .expect("the template is well-formed");
            screen.bars.add(bar.with_style(style))
        });
        let nothing_yet = (Duration::ZERO, 0);
        Self { bar, next_line: LINE_EVERY, last: nothing_yet, rate: 0.0, named: [0; Outcome::ALL.len()] }
    }

    pub(crate) fn observe(&mut self, observation: Observation<'_>) {
        match observation {
            Observation::Notice(notice) => self.notice(notice),
            Observation::Progress(progress, now) => self.progress(progress, now),
        }
    }

    /// The run is over: leaves the screen as it found it.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn notice(&mut self, notice: &Notice) {
        match notice {
            Notice::Sharing { with } => {
                for run in with {
                    let limits: Vec<String> = run.limits.iter().map(ToString::to_string).collect();
                    info!(
                        process = run.pid,
                        input = run.name,
                        since = %run.since,
                        limits = limits.join(" "),
                        "shares the account's budget with another run"
                    );
                }
            }
            Notice::Strangers { share, limit } => {
                warn!(share, %limit, "somebody else uses the account; this run takes a smaller share, and more as room returns");
            }
            Notice::Adopted { limit } => {
                warn!(%limit, "the API names a limit that is stricter than what was set; it holds from now on");
            }
            Notice::Settled { row, ticket, stands: Outcome::Posted, .. } => trace!(row, %ticket, "posted"),
            Notice::Settled { row, ticket, stands, reply } => {
                let named = &mut self.named[*stands as usize];
                *named += 1;
                match *named {
                    1..=MOST_NAMED => {
                        warn!(row, %ticket, outcome = %stands, %reply, "{}", stands.word().replace('_', " "));
                    }
                    n if n == MOST_NAMED + 1 => {
                        warn!(outcome = %stands, "more rows like this are in the ledger; `show` names them");
                    }
                    _ => debug!(row, %ticket, outcome = %stands, %reply, "{}", stands.word().replace('_', " ")),
                }
            }
            Notice::Retrying { row, ticket, verdict, reply, delay } => {
                debug!(row, %ticket, %verdict, %reply, delay_ms = delay.as_millis() as u64, "will be tried again");
            }
            Notice::Paused { cause, delay, reply } => {
                warn!(pause_s = delay.as_secs_f64(), %reply, "{}, so nothing is sent for a while", because(*cause));
            }
            Notice::Stopping { stop, why } => warn!(%stop, "stopping: {why}"),
            Notice::Unwritten { row, ticket, verdict: VerdictWord::Withdrawn } => {
                error!(row, %ticket, "was not sent, though the ledger may have it in doubt: its intent was being written");
            }
            Notice::Unwritten { row, ticket, verdict } => {
                error!(row, %ticket, %verdict, "could not be recorded; the ledger will have it in doubt");
            }
        }
    }

    fn progress(&mut self, progress: &Progress, now: Duration) {
        let (then, attempts) = self.last;
        let due = now >= self.next_line;
        if now >= then + Duration::from_secs(5) || due {
            self.rate = (progress.attempts - attempts) as f64 / (now - then).as_secs_f64();
            self.last = (now, progress.attempts);
        }
        let counts = &progress.counts;
        let done = counts.total() - counts.pending - counts.failed;
        if let Some(bar) = &self.bar {
            bar.set_position(done);
            bar.set_message(message(progress, self.rate, now));
        } else if due {
            self.next_line = now + LINE_EVERY;
            info!(
                posted = counts.posted,
                pending = counts.pending,
                in_doubt = counts.in_doubt,
                failed = counts.failed,
                rejected = counts.rejected,
                in_flight = progress.in_flight,
                "{}",
                message(progress, self.rate, now)
            );
        }
    }
}

/// What goes on, in one line.
fn message(progress: &Progress, rate: f64, now: Duration) -> String {
    let counts = &progress.counts;
    let mut parts = vec![format!("posted {}", counts.posted)];
    for outcome in [Outcome::InDoubt, Outcome::Failed, Outcome::Rejected] {
        if counts.of(outcome) > 0 {
            parts.push(format!("{} {}", outcome.word().replace('_', " "), counts.of(outcome)));
        }
    }
    if rate > 0.0 && !matches!(progress.waiting, Waiting::Pause(..)) {
        parts.push(format!("{rate:.1}/s"));
        let left = Duration::from_secs_f64((counts.pending as f64 / rate).min(1e9)).as_secs();
        parts.push(format!("{} left", humantime::format_duration(Duration::from_secs(left))));
    }
    let in_seconds = |until: Duration| format!("{:.0} s", until.saturating_sub(now).as_secs_f64().ceil());
    match progress.waiting {
        Waiting::UnderWay => {}
        Waiting::Limit(until) => parts.push(format!("waits {} for the limit", in_seconds(until))),
        Waiting::Retry(until) => parts.push(format!("waits {} to try again", in_seconds(until))),
        Waiting::Pause(cause, until) => parts.push(format!("pauses {}: {}", in_seconds(until), because(cause))),
    }
    parts.join(" · ")
}

fn because(cause: Cause) -> &'static str {
    match cause {
        Cause::Limited => "the API says that the account is over its limit",
        Cause::Unreachable => "the API cannot be reached",
        Cause::Failing => "the API answers that it has failed, whatever the row",
        Cause::Unclear => "the API's answers cannot be understood or do not come",
    }
}
