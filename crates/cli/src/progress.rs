//! What a person sees of a run: a bar on a terminal, a line now and then elsewhere.

use std::time::Duration;

use batchpost::engine::{Cause, Notice, Progress, Waiting};
use batchpost::limit::Limit;
use batchpost::outcome::{Outcome, VerdictWord};
use batchpost::shell::{Observation, Order};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::tz::TimeZone;
use tracing::{debug, error, info, trace, warn};

use crate::finish::{Finish, LONG_WINDOW};
use crate::logging::Screen;

/// Off a terminal, one line of progress in this time.
const LINE_EVERY: Duration = Duration::from_secs(10);
const LINE_EVERY_CLOSED: Duration = Duration::from_secs(30 * 60);

/// The plan is asked for the finish so often: it reads what the account has sent of late.
const FINISH_EVERY: Duration = Duration::from_secs(5);

/// Rows of each kind that are named one by one before it is left at counting.
const MOST_NAMED: u32 = 20;

/// Watches a run.
pub(crate) struct Watcher {
    bar: Option<ProgressBar>,
    next_line: Duration,
    /// Attempts at the last line, for the rate since.
    last: (Duration, u64),
    rate: f64,
    order: Order,
    /// Whether hours or long windows decide about the end.
    planned: bool,
    /// What is used of long windows and when it will be done by the plan, and when to ask again.
    finish: Vec<String>,
    next_finish: Duration,
    named: [u32; Outcome::ALL.len()],
}

impl Watcher {
    /// A watcher of a run over `rows` rows; none where the number is not known.
    pub(crate) fn new(screen: &Screen, rows: Option<u64>, quiet: bool, order: Order) -> Self {
        let on_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr()) && !quiet;
        let bar = on_terminal.then(|| {
            let bar = rows.map_or_else(ProgressBar::no_length, ProgressBar::new);
            let style = ProgressStyle::with_template("{elapsed_precise} {wide_bar} {pos}/{len} {msg}")
                .expect("the template is well-formed");
            screen.bars.add(bar.with_style(style))
        });
        let long = |limit: &Limit| limit.window() >= LONG_WINDOW;
        let planned = order.settings.hours.is_some() || order.settings.limits.iter().any(long);
        let nothing_yet = (Duration::ZERO, 0);
        Self {
            bar,
            next_line: LINE_EVERY,
            last: nothing_yet,
            rate: 0.0,
            planned,
            order,
            finish: Vec::new(),
            next_finish: Duration::ZERO,
            named: [0; Outcome::ALL.len()],
        }
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
        if self.planned && now >= self.next_finish {
            self.next_finish = now + FINISH_EVERY;
            let finish = Finish::of(&self.order, counts.pending);
            let moment = (counts.pending > 0).then(|| finish.moment());
            self.finish = finish.used().chain(moment).collect();
        }
        let outlook =
            Outlook { planned: self.planned, finish: &self.finish, zone: self.order.openings.zone(), rate: self.rate };
        if let Some(bar) = &self.bar {
            bar.set_position(done);
            bar.set_message(outlook.message(progress, now));
        } else if due {
            // Through a day of closed hours, a line now and then will do.
            let closed = matches!(progress.waiting, Waiting::Hours(..));
            self.next_line = now + if closed { LINE_EVERY_CLOSED } else { LINE_EVERY };
            info!(
                posted = counts.posted,
                pending = counts.pending,
                in_doubt = counts.in_doubt,
                failed = counts.failed,
                rejected = counts.rejected,
                in_flight = progress.in_flight,
                "{}",
                outlook.message(progress, now)
            );
        }
    }
}

/// What a run's rate and plan say of its end.
struct Outlook<'a> {
    /// Whether hours or long windows decide about the end.
    planned: bool,
    finish: &'a [String],
    zone: &'a TimeZone,
    rate: f64,
}

impl Outlook<'_> {
    /// What goes on, in one line.
    fn message(&self, progress: &Progress, now: Duration) -> String {
        let counts = &progress.counts;
        let mut parts = vec![format!("posted {}", counts.posted)];
        for outcome in [Outcome::InDoubt, Outcome::Failed, Outcome::Rejected] {
            if counts.of(outcome) > 0 {
                parts.push(format!("{} {}", outcome.word().replace('_', " "), counts.of(outcome)));
            }
        }
        if self.rate > 0.0 && !matches!(progress.waiting, Waiting::Pause(..) | Waiting::Hours(..)) {
            parts.push(format!("{:.1}/s", self.rate));
        }
        parts.extend_from_slice(self.finish);
        parts.extend(self.left(progress));
        let in_seconds = |until: Duration| format!("{:.0} s", until.saturating_sub(now).as_secs_f64().ceil());
        match progress.waiting {
            Waiting::UnderWay => {}
            Waiting::Limit(until) => parts.push(format!("waits {} for the limit", in_seconds(until))),
            Waiting::Retry(until) => parts.push(format!("waits {} to try again", in_seconds(until))),
            Waiting::Hours(_, opens) => {
                let opens = opens.to_zoned(self.zone.clone());
                parts.push(format!("outside the hours until {}", opens.strftime("%a %H:%M")));
            }
            Waiting::Pause(cause, until) => parts.push(format!("pauses {}: {}", in_seconds(until), because(cause))),
        }
        parts.join(" · ")
    }

    /// How long it will take by the rate of the moment, where no plan says.
    fn left(&self, progress: &Progress) -> Option<String> {
        if self.planned || self.rate == 0.0 || matches!(progress.waiting, Waiting::Pause(..)) {
            return None;
        }
        let left = Duration::from_secs_f64((progress.counts.pending as f64 / self.rate).min(1e9)).as_secs();
        Some(format!("{} left", humantime::format_duration(Duration::from_secs(left))))
    }
}

fn because(cause: Cause) -> &'static str {
    match cause {
        Cause::Limited => "the API says that the account is over its limit",
        Cause::Unreachable => "the API cannot be reached",
        Cause::Failing => "the API answers that it has failed, whatever the row",
        Cause::Unclear => "the API's answers cannot be understood or do not come",
    }
}
