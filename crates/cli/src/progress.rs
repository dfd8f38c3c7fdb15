//! The display of a run: a bar on a terminal, periodic lines elsewhere.

use std::time::Duration;

use batchpost::batch::{Observation, RunRequest};
use batchpost::engine::{Notice, Progress, Waiting};
use batchpost::limit::Limit;
use batchpost::outcome::{Outcome, Stop, VerdictWord};
use indicatif::{ProgressBar, ProgressStyle};
use tracing::{debug, error, info, trace, warn};

use crate::bar::{View, because};
use crate::eta::{Eta, EtaThread};
use crate::finish::{Finish, LONG_WINDOW};
use crate::logging::{Screen, colours, is_json};
use crate::rate::Rate;
use crate::{apis, bar_terminal, hints};

/// Interval of progress lines if there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);
const LINE_EVERY_CLOSED: Duration = Duration::from_secs(30 * 60);

/// Minimum interval between redraws of the bar: a run without a limit takes thousands of steps in between.
const DRAW_EVERY: Duration = Duration::from_millis(100);

/// Interval of forecasts. With a plan, a forecast reads from disk what the account has sent recently.
const FINISH_EVERY: Duration = Duration::from_secs(1);
const FINISH_EVERY_PLANNED: Duration = Duration::from_secs(5);

/// The forecast is requested this long before a line is due, so that it arrives in time: progress is reported
/// every second.
const FINISH_AHEAD: Duration = Duration::from_secs(2);

/// Maximum number of rows named for each outcome; later ones are only counted.
const MOST_NAMED: u32 = 20;

/// The time is [`DELIBERATE_AFTER`](batchpost::driver::DELIBERATE_AFTER) in the library.
const SIGNAL_AGAIN: &str = "waiting for replies in flight (to end at once, signal again after 1 s)";

/// Displays the progress of a run.
pub(crate) struct Watcher {
    bar: Option<ProgressBar>,
    /// When the next redraw, or the next line without a terminal, is due.
    next: Duration,
    rate: Rate,
    run_request: RunRequest,
    rows: Option<u64>,
    /// Pending rows that this run does not send.
    beyond: u64,
    /// Requests per second that the limit with the shortest window allows.
    most: Option<f64>,
    /// Whether hours or long windows determine the finish.
    planned: bool,
    eta_thread: EtaThread,
    eta: Eta,
    next_outlook: Duration,
    stopping: Option<Stop>,
    /// A hint for a row of a stream that may not be sent.
    refused: Option<String>,
    named: [u32; Outcome::ALL.len()],
}

impl Watcher {
    /// Creates a watcher of a run over `rows` rows (`None` if unknown), of which it does not send `beyond`.
    pub(crate) fn new(screen: &Screen, rows: Option<u64>, beyond: u64, quiet: bool, run_request: RunRequest) -> Self {
        // No bar between JSON lines.
        let bar = (bar_terminal::can_draw() && !quiet && !is_json()).then(|| {
            let style = ProgressStyle::with_template("{msg}").expect("the template is well-formed");
            screen.bars.add(ProgressBar::no_length().with_style(style))
        });
        let long = |limit: &Limit| limit.window() >= LONG_WINDOW;
        let limits = &run_request.settings.limits;
        let planned = run_request.settings.hours.is_some() || limits.iter().any(long);
        let shortest = limits.iter().filter(|limit| !long(limit)).min_by_key(|limit| limit.window());
        let looks_ahead = run_request.clone();
        let eta_thread =
            EtaThread::start(move |pending| Eta::of(&Finish::of(&looks_ahead, pending), pending > 0 && rows.is_some()));
        Self {
            next: if bar.is_some() { Duration::ZERO } else { LINE_EVERY },
            bar,
            rate: Rate::of_window(shortest.map_or(LINE_EVERY, |limit| limit.window()), shortest.map(per_second)),
            rows,
            beyond,
            most: shortest.map(per_second),
            planned,
            run_request,
            eta_thread,
            eta: Eta::default(),
            next_outlook: Duration::ZERO,
            stopping: None,
            refused: None,
            named: [0; Outcome::ALL.len()],
        }
    }

    pub(crate) fn observe(&mut self, observation: Observation<'_>) {
        match observation {
            Observation::Notice(notice) => self.notice(notice),
            Observation::Progress(progress, now) => self.progress(progress, now),
            Observation::Refused(error) => self.refused = hints::hint(error),
            _ => {}
        }
    }

    /// The run is over: removes the bar.
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
                        event = "sharing",
                        process = run.pid,
                        input = run.name,
                        since = %run.since,
                        limits = limits.join(" "),
                        "shares the account's budget with another run"
                    );
                }
            }
            Notice::OtherClients { share, limit } => {
                warn!(event = "strangers", share, %limit, "another client uses the account; this run takes a smaller share until there is room");
            }
            Notice::Learned { limit } => {
                if limit.window() < LONG_WINDOW {
                    let most = per_second(limit);
                    self.most = Some(self.most.map_or(most, |before| before.min(most)));
                }
                warn!(event = "adopted", %limit, "the API reports another limit; this run obeys it from now on");
            }
            Notice::Settled { row, ticket, outcome: Outcome::Posted, .. } => {
                trace!(event = "settled", row, %ticket, outcome = "posted", "posted");
            }
            Notice::Settled { row, ticket, outcome, reply } => {
                // A macro, because the log level must be a constant.
                macro_rules! settled {
                    ($level:ident) => {
                        $level!(event = "settled", row, %ticket, outcome = %outcome, %reply, "{}", outcome.word().replace('_', " "))
                    };
                }
                let named = &mut self.named[*outcome as usize];
                *named += 1;
                match *named {
                    1..=MOST_NAMED => settled!(warn),
                    n if n == MOST_NAMED + 1 => {
                        warn!(event = "more", outcome = %outcome, "more rows like this are in the ledger; `show` lists them");
                    }
                    _ => settled!(debug),
                }
            }
            Notice::Retrying { row, ticket, verdict, reply, delay } => {
                debug!(event = "retrying", row, %ticket, %verdict, %reply, delay_ms = delay.as_millis() as u64, "will be tried again");
            }
            Notice::Paused { cause, delay, reply } => {
                warn!(event = "paused", cause = because(*cause).1, pause_s = delay.as_secs_f64(), %reply, "{}; sending is paused", because(*cause).0);
            }
            Notice::Stopping { stop, why } => {
                self.stopping = Some(*stop);
                let hint = match stop {
                    Stop::Interrupted => Some(SIGNAL_AGAIN.to_owned()),
                    Stop::Input => self.refused.take(),
                    stop => apis::of_name(self.run_request.request_template.target().name())
                        .and_then(|api| hints::of_stop(*stop, api)),
                };
                let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
                warn!(event = "stopping", %stop, "stopping: {why}{hint}");
            }
            Notice::Unwritten { row, ticket, verdict: VerdictWord::Withdrawn } => {
                error!(event = "unwritten", row, %ticket, "was not sent, but the ledger may have it in doubt: its intent was being written");
            }
            Notice::Unwritten { row, ticket, verdict } => {
                error!(event = "unwritten", row, %ticket, %verdict, "could not be recorded; the ledger will have it in doubt");
            }
            unknown => info!("{unknown:?}"),
        }
    }

    fn progress(&mut self, progress: &Progress, now: Duration) {
        // Note every step: windows are shorter than the interval between lines.
        self.rate.note(now, progress.attempts);
        // A late forecast by plan must not replace the newer one by rate.
        if let Some(eta) = self.eta_thread.latest().filter(|_| self.rate_that_decides().is_none()) {
            self.eta = eta;
        }
        if now >= self.next_outlook && now + FINISH_AHEAD >= self.next {
            self.next_outlook = now + if self.planned { FINISH_EVERY_PLANNED } else { FINISH_EVERY };
            self.look_ahead(progress);
        }
        if now < self.next {
            return;
        }
        let view = View {
            progress,
            now,
            rows: self.rows,
            rate: self.rate.per_second(),
            most: self.most,
            used: &self.eta.used,
            left: self.eta.left.as_ref().map(|(time, moment)| (*time, moment.as_str())),
            stopping: self.stopping,
            zone: self.run_request.openings.zone(),
        };
        if let Some(bar) = &self.bar {
            self.next = now + DRAW_EVERY;
            // Leave the last column free: writing there makes some terminals start a new line.
            let width = usize::from(console::Term::stderr().size().1).saturating_sub(1);
            bar.set_message(view.screen(width, colours()));
            return;
        }
        // During closed hours, a line every 30 minutes is enough.
        let closed = matches!(progress.waiting, Waiting::Hours(..));
        self.next = now + if closed { LINE_EVERY_CLOSED } else { LINE_EVERY };
        let counts = &progress.counts;
        info!(
            event = "progress",
            posted = counts.posted,
            pending = counts.pending,
            in_doubt = counts.in_doubt,
            failed = counts.failed,
            rejected = counts.rejected,
            in_flight = progress.in_flight,
            "{}",
            view.line()
        );
    }

    /// Updates the forecast: by plan if hours or long windows determine the finish or nothing was sent yet,
    /// else by the rate, which reflects slow replies and other clients of the account.
    fn look_ahead(&mut self, progress: &Progress) {
        let pending = progress.counts.pending.saturating_sub(self.beyond);
        match self.rate_that_decides() {
            Some(rate) => {
                let finish = Finish::by_rate(&self.run_request, pending, rate);
                self.eta = Eta::of(&finish, pending > 0 && self.rows.is_some());
            }
            None => self.eta_thread.ask(pending),
        }
    }

    fn rate_that_decides(&self) -> Option<f64> {
        self.rate.per_second().filter(|_| !self.planned)
    }
}

fn per_second(limit: &Limit) -> f64 {
    f64::from(limit.count()) / limit.window().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use std::mem;
    use std::sync::mpsc::sync_channel;

    use batchpost::batch::Source;
    use batchpost::input::{Format, Options};
    use batchpost::outcome::Counts;
    use batchpost::settings::Settings;

    use super::*;

    /// A watcher of a run over a thousand rows, without a terminal.
    fn watcher(limit: &str) -> Watcher {
        watcher_of_first(1000, limit)
    }

    /// The same for a run that sends only the first `first` of them.
    fn watcher_of_first(first: u64, limit: &str) -> Watcher {
        let (api, options) = (apis::default(), Options::new(Format::Csv));
        let target = api.target();
        let settings = Settings { limits: vec![limit.parse().unwrap()], ..Settings::of(target.as_ref()) };
        let endpoint = (api.endpoint)("api.example.com", "1").unwrap();
        let run_request = RunRequest::new(target, &endpoint, settings, "l".into(), Source::Stdin, options).unwrap();
        Watcher::new(&Screen::default(), Some(1000), 1000 - first, true, run_request)
    }

    fn see(watcher: &mut Watcher, attempts: u64, at_ms: u64) {
        let counts = Counts { pending: 1000, ..Counts::default() };
        let progress = Progress { counts, posted: 0, attempts, limited: 0, in_flight: 0, waiting: Waiting::UnderWay };
        watcher.observe(Observation::Progress(&progress, Duration::from_millis(at_ms)));
    }

    #[test]
    fn off_a_terminal_the_rate_is_known_however_short_the_window() {
        let mut watcher = watcher("25/1s");
        for step in 0..=200 {
            see(&mut watcher, 25 * (1 + step / 10), step * 100);
        }
        assert_eq!(watcher.rate.per_second().map(f64::round), Some(25.0));
    }

    #[test]
    fn the_end_is_expected_by_the_rows_that_this_run_is_to_send() {
        for (first, seconds) in [(1000, 1000 / 5), (100, 100 / 5)] {
            let mut watcher = watcher_of_first(first, "25/5s");
            for step in 0..=120 {
                see(&mut watcher, 25 * (1 + step / 50), step * 100);
            }
            let (time, _) = watcher.eta.left.unwrap();
            assert_eq!(time.as_secs_f64().round() as u64, seconds, "--first {first}");
        }
    }

    #[test]
    fn a_late_answer_of_the_plan_does_not_replace_what_the_rate_told() {
        let (let_go, disk) = sync_channel(0);
        let mut watcher = watcher("25/5s");
        watcher.eta_thread = EtaThread::start(move |_| {
            disk.recv().unwrap();
            Eta { used: vec!["late".to_owned()], left: None }
        });
        // Nothing was sent yet, so the plan is requested, and the disk hangs.
        see(&mut watcher, 0, 9000);
        see(&mut watcher, 25, 11_000);
        let told = mem::take(&mut watcher.eta);
        assert!(told.left.is_some(), "{told:?}");
        let_go.send(()).unwrap();
        // Once the thread takes the next request, the first is answered.
        watcher.eta_thread.ask(1);
        let_go.send(()).unwrap();
        see(&mut watcher, 25, 11_100);
        assert_eq!(watcher.eta, Eta::default());
    }
}
