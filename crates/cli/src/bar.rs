//! A run's progress as text of a given width: a pure function of its state.

use std::time::Duration;

use batchpost::engine::{Cause, Progress, Waiting};
use batchpost::outcome::{Outcome, Stop};
use jiff::tz::TimeZone;

use crate::summary::thousands;
use crate::words::{rounded, span};

/// The separator of a line's pieces.
const BETWEEN: &str = " · ";

/// A longer gauge would not be more precise.
const LONGEST_GAUGE: usize = 60;

/// Shorter waits for the limit occur in every window and end before anyone can read them.
const LONG_WAIT: Duration = Duration::from_secs(1);

/// The state of a run, and its forecast.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) progress: &'a Progress,
    /// Time since the run began.
    pub(crate) now: Duration,
    /// The total number of rows; `None` for a stream.
    pub(crate) rows: Option<u64>,
    /// Recent attempts per second, if known.
    pub(crate) rate: Option<f64>,
    /// Requests per second that the limit with the shortest window allows; `None` without a short limit.
    pub(crate) most: Option<f64>,
    /// The use of limits with long windows: `4,210 of 10000/1d`.
    pub(crate) used: &'a [String],
    /// The time left, and `done about 03:40 tomorrow`.
    pub(crate) left: Option<(Duration, &'a str)>,
    /// Why the run is stopping, if it is.
    pub(crate) stopping: Option<Stop>,
    /// The time zone of the hours.
    pub(crate) zone: &'a TimeZone,
}

/// Words, and whether they are an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    /// The forms, from the longest to the shortest, each with a rank. If the line is too long, the form with
    /// the lowest rank is dropped first.
    forms: Vec<(u8, String)>,
    alert: bool,
}

impl Piece {
    fn new(rank: u8, text: impl Into<String>) -> Self {
        Self { forms: vec![(rank, text.into())], alert: false }
    }

    fn or(mut self, rank: u8, shorter: impl Into<String>) -> Self {
        self.forms.push((rank, shorter.into()));
        self
    }

    fn alert(self) -> Self {
        Self { alert: true, ..self }
    }
}

impl View<'_> {
    /// Three lines of at most `width` columns: progress, counts of rows, forecast.
    pub(crate) fn screen(&self, width: usize, colours: bool) -> String {
        let paint = |pieces| painted(&fitted(pieces, width), colours);
        let counts = paint(self.counts());
        let course = paint(self.course());
        match self.gauge(width) {
            Some(gauge) => format!("{gauge}\n{counts}\n{course}"),
            None => format!("{counts}\n{course}"),
        }
    }

    /// Everything in one line, for a log.
    pub(crate) fn line(&self) -> String {
        let pieces = self.counts().into_iter().chain(self.course()).collect();
        painted(&fitted(pieces, usize::MAX), false)
    }

    /// The share of finished rows; `None` if the number of rows is unknown or the line is too short.
    fn gauge(&self, width: usize) -> Option<String> {
        let rows = self.rows.filter(|rows| *rows > 0)?;
        let counts = &self.progress.counts;
        let done = counts.total().saturating_sub(counts.pending + counts.failed).min(rows);
        let percent = format!(" {:>3} %", done * 100 / rows);
        let length = width.checked_sub(percent.len()).filter(|length| *length >= 5)?.min(LONGEST_GAUGE);
        let full = (done as u128 * length as u128 / u128::from(rows)) as usize;
        Some(format!("{}{}{percent}", "█".repeat(full), "░".repeat(length - full)))
    }

    fn counts(&self) -> Vec<Piece> {
        let counts = &self.progress.counts;
        let posted = format!("posted {}", thousands(counts.posted));
        let mut pieces = vec![match self.rows {
            Some(rows) => Piece::new(5, format!("{posted} of {}", thousands(rows))).or(9, posted),
            None => Piece::new(9, posted),
        }];
        if counts.pending > 0 {
            pieces.push(Piece::new(4, format!("waiting {}", thousands(counts.pending))));
        }
        let concerns = [
            (Outcome::InDoubt, "in doubt", 8),
            (Outcome::Failed, "failed", 7),
            (Outcome::Rejected, "rejected", 6),
            (Outcome::Held, "held", 3),
            (Outcome::Invalid, "invalid", 2),
            (Outcome::Skipped, "skipped", 1),
        ];
        for (outcome, words, rank) in concerns.into_iter().filter(|(outcome, ..)| counts.of(*outcome) > 0) {
            let piece = Piece::new(rank, format!("{words} {}", thousands(counts.of(outcome))));
            pieces.push(if rank > 5 { piece.alert() } else { piece });
        }
        pieces
    }

    fn course(&self) -> Vec<Piece> {
        let waits = self.waits();
        let sends =
            self.stopping.is_none() && !matches!(self.progress.waiting, Waiting::Pause(..) | Waiting::Hours(..));
        let mut pieces = Vec::new();
        // A pause comes first, because it explains the rest; a wait that is part of posting comes last.
        let (before, after) = if sends { (None, waits) } else { (waits, None) };
        pieces.extend(before);
        if sends && let Some(rate) = self.rate {
            let now = format!("{}/s", rounded(rate, 1));
            pieces.push(match self.most.filter(|most| *most > 0.0) {
                Some(most) => {
                    let of = format!("{now} of {}/s", rounded(most, 1));
                    let used = (rate * 100.0 / most).min(100.0);
                    Piece::new(3, format!("{of}, {used:.0} % of the limit")).or(6, of).or(7, now)
                }
                None => Piece::new(7, now),
            });
        }
        pieces.extend(self.used.iter().map(|used| Piece::new(4, format!("{used} used"))));
        // The length of a pause is unknown.
        let paused = matches!(self.progress.waiting, Waiting::Pause(..));
        if let Some((time, moment)) = self.left.filter(|_| self.stopping.is_none() && !paused) {
            let left = format!("{} left", span(Duration::from_secs(time.as_secs().max(1))));
            // During closed hours, the day matters.
            pieces.push(match sends {
                true => Piece::new(5, format!("{left}, {moment}")).or(8, left),
                false => Piece::new(5, moment),
            });
        }
        pieces.extend(after);
        pieces
    }

    /// Describes what the engine waits for.
    fn waits(&self) -> Option<Piece> {
        let seconds =
            |until: Duration| span(Duration::from_secs_f64(until.saturating_sub(self.now).as_secs_f64().ceil()));
        if let Some(stop) = self.stopping {
            let in_flight = self.progress.in_flight;
            let answers = if in_flight == 1 { "answer" } else { "answers" };
            let awaits = if in_flight > 0 { format!(", awaits {in_flight} {answers}") } else { String::new() };
            return Some(Piece::new(9, format!("stopping ({stop}){awaits}")).alert());
        }
        match self.progress.waiting {
            Waiting::UnderWay => None,
            Waiting::Limit(until) | Waiting::Retry(until) if until < self.now + LONG_WAIT => None,
            Waiting::Limit(until) => Some(Piece::new(2, format!("waits {} for the limit", seconds(until)))),
            Waiting::Retry(until) => Some(Piece::new(2, format!("waits {} to try again", seconds(until)))),
            Waiting::Hours(_, opens) => {
                let opens = opens.to_zoned_datetime(self.zone.clone());
                let until = format!("outside the hours until {}", opens.strftime("%a %H:%M"));
                Some(Piece::new(6, until).or(9, format!("opens {}", opens.strftime("%a %H:%M"))))
            }
            Waiting::Pause(cause, until) => {
                let pauses = format!("pauses {}: ", seconds(until));
                let (full, short) = because(cause);
                Some(Piece::new(6, pauses.clone() + full).or(9, pauses + short).alert())
            }
        }
    }
}

/// Why nothing is sent for a while, as a long and a short phrase.
pub(crate) fn because(cause: Cause) -> (&'static str, &'static str) {
    match cause {
        Cause::Limited => ("the API reports that the limit is exceeded", "over the limit"),
        Cause::Unreachable => ("the API cannot be reached", "API out of reach"),
        Cause::Failing => ("the API reports an internal error", "the API fails"),
        Cause::Unclear => ("the API's replies are missing or cannot be interpreted", "no clear replies"),
    }
}

/// Shortens `pieces` to `width` columns. Returns each text, and whether it is an alert.
fn fitted(mut pieces: Vec<Piece>, width: usize) -> Vec<(String, bool)> {
    while columns(&pieces) > width {
        let Some((least, _)) = pieces.iter().enumerate().min_by_key(|(_, piece)| piece.forms[0].0) else { break };
        if pieces[least].forms.len() > 1 {
            pieces[least].forms.remove(0);
        } else if pieces.len() > 1 {
            pieces.remove(least);
        } else {
            // Mark the truncation: a number without its last digits would be a different number.
            let text = &mut pieces[0].forms[0].1;
            *text = text.chars().take(width.saturating_sub(1)).chain((width > 0).then_some('…')).collect();
            break;
        }
    }
    pieces.into_iter().map(|mut piece| (piece.forms.swap_remove(0).1, piece.alert)).collect()
}

/// Counts columns: every character used here is one column wide.
fn columns(pieces: &[Piece]) -> usize {
    let between = BETWEEN.chars().count() * pieces.len().saturating_sub(1);
    pieces.iter().map(|piece| piece.forms[0].1.chars().count()).sum::<usize>() + between
}

fn painted(pieces: &[(String, bool)], colours: bool) -> String {
    let paint = |(text, alert): &(String, bool)| match alert {
        true if colours => format!("\u{1b}[33m{text}\u{1b}[0m"),
        _ => text.clone(),
    };
    pieces.iter().map(paint).collect::<Vec<_>>().join(BETWEEN)
}

#[cfg(test)]
mod tests;
