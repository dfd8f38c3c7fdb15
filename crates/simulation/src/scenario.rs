//! The parts of a history: the sheet, the settings, and the faults. Everything follows from a seed.

use std::num::NonZeroU32;
use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use batchpost_apis::leadsquared::LeadSquared;
use batchpost_engine::api::Api;
use batchpost_engine::job::{Key, Position, Ticket};
use batchpost_engine::limit::Limit;
use batchpost_engine::planning::{Content, Defect, Row};
use batchpost_engine::schedule::Openings;
use batchpost_engine::settings::{On500, Settings, Spread};
use batchpost_sandbox as sandbox;
use batchpost_sandbox::{Counting, Fault, FaultRule, When};
use fastrand::Rng;
use jiff::tz::TimeZone;

/// The parts of one history.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The seed of everything else and of all random choices during the run.
    pub seed: u64,
    /// The sheet's rows, in order.
    pub rows: Vec<Line>,
    /// The settings of its runs. The first limit is also the server's.
    pub settings: Settings,
    /// How the server counts its windows.
    pub counting: Counting,
    /// Whether refused requests count against the server's limit.
    pub refused_count: bool,
    /// The server's faults, by the number of the request in order of arrival.
    pub faults: Vec<Option<Fault>>,
    /// How long a request and its reply are in transit together, without delays.
    pub latency: RangeInclusive<Duration>,
    /// The wait that the server requests, if it does.
    pub retry_after: Duration,
    /// The duration of a commit.
    pub commit: RangeInclusive<Duration>,
    /// Further faults.
    pub weather: Weather,
    /// Whether runs start within a second after the previous one, with a power loss between most of them.
    pub restless: bool,
    /// The number of runs with faults, from 1. One run without faults follows.
    pub rough_runs: u32,
}

/// A row of the sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A note with a unique text.
    Note {
        /// The ticket.
        ticket: u64,
        /// The text.
        text: String,
    },
    /// A row that cannot be turned into a job.
    Invalid,
    /// Only blanks.
    Blank,
}

/// The probabilities, per request or per run, of faults outside the server.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Weather {
    /// A connection is refused.
    pub unsent: f64,
    /// The connections of the requests with these numbers are refused too.
    pub unreachable: Range<u64>,
    /// A request is lost in transit.
    pub lost: f64,
    /// A reply is lost in transit.
    pub reply_lost: f64,
    /// The connection breaks at any time, also before the request has arrived; the request still arrives.
    pub broken: f64,
    /// A request is delayed, possibly for longer than the client waits.
    pub late: f64,
    /// A run is cut off at some step, by a power loss or a kill.
    pub crash: f64,
    /// A write or a sync of a run fails.
    pub storage_error: f64,
    /// A signal asks a run to end.
    pub interrupt: f64,
    /// A run is set to resend rows in doubt.
    pub retry_doubts: f64,
    /// A run is limited to a few rows.
    pub first: f64,
    /// The wall clock is stepped, at the start of a run and during it.
    pub wall_step: f64,
}

/// A typical note; one text in three must be quoted in CSV.
fn note(number: usize, ticket: u64) -> Line {
    let text = match number % 3 {
        0 => format!("note {number}: \"called back\",\nall well"),
        _ => format!("note {number}"),
    };
    Line::Note { ticket, text }
}

impl Scenario {
    /// When its runs may post.
    ///
    /// # Panics
    ///
    /// If its settings have impossible hours or an unknown time zone.
    pub fn openings(&self) -> Openings {
        let Some(hours) = self.settings.hours else { return Openings::always() };
        let zone = self.settings.time_zone.as_deref().unwrap_or("UTC");
        let zone = TimeZone::get(zone).expect("a scenario's zone is known");
        Openings::new(Some(hours), zone, self.settings.timeout)
            .expect("a scenario's hours are longer than its time-out")
    }

    /// Creates a scenario of one note for each of `tickets`, without faults.
    pub fn calm(seed: u64, tickets: impl IntoIterator<Item = u64>) -> Self {
        let rows = tickets.into_iter().enumerate().map(|(index, ticket)| note(index + 1, ticket)).collect();
        Self {
            seed,
            rows,
            settings: Settings { skip_invalid: true, ..Settings::of(&LeadSquared) },
            counting: Counting::Sliding,
            refused_count: false,
            faults: Vec::new(),
            latency: Duration::from_millis(20)..=Duration::from_millis(120),
            retry_after: Duration::from_secs(1),
            commit: Duration::from_millis(1)..=Duration::from_millis(4),
            weather: Weather::default(),
            restless: false,
            rough_runs: 1,
        }
    }

    /// Draws the scenario of this seed, with any faults.
    pub fn drawn(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let rng = &mut rng;
        let most_rows = [3, 12, 40, 90][rng.usize(0..4)];
        let count = rng.usize(1..=most_rows);
        let tickets = rng.u64(1..=count as u64);
        let odd = if rng.u8(0..4) == 0 { 0.15 } else { 0.0 };
        let rows: Vec<Line> = (1..=count)
            .map(|number| match () {
                () if rng.f64() < odd => [Line::Invalid, Line::Blank][rng.usize(0..2)].clone(),
                () => note(number, rng.u64(1..=tickets)),
            })
            .collect();
        let limits = draw_limits(rng);
        let window = limits[0].window();
        let timeout = [Duration::from_millis(400), Duration::from_secs(2), Duration::from_secs(30)][rng.usize(0..3)];
        let settings = Settings {
            limits,
            spread: [None, Some(Spread::Burst), Some(Spread::Even)][rng.usize(0..3)],
            concurrency: rng.bool().then(|| rng.u32(1..30)),
            timeout,
            grace: [Duration::from_millis(50), Duration::from_secs(3), Duration::from_secs(30)][rng.usize(0..3)],
            max_attempts: rng.u32(1..=6),
            give_up_after: [Duration::ZERO, Duration::from_secs(10), Duration::from_secs(15 * 60)][(seed % 3) as usize],
            on_500: if rng.u8(0..4) == 0 { On500::Hold } else { On500::Retry },
            skip_invalid: true,
            ..Settings::of(&LeadSquared)
        };
        let counting = match rng.bool() {
            true => Counting::Sliding,
            false => Counting::Fixed { phase: window.mul_f64(rng.f64()) },
        };
        let longest = [Duration::from_millis(120), Duration::from_millis(20), timeout / 3][rng.usize(0..3)];
        let slow_disk = [4, 20, 300][rng.usize(0..3)];
        let scenario = Self {
            seed,
            faults: draw_faults(rng, 6 * count + 60),
            rows,
            settings,
            counting,
            refused_count: rng.bool(),
            latency: longest / 6..=longest,
            retry_after: Duration::from_secs([1, 7, 2 * 3600][if rng.u8(0..8) == 0 { 2 } else { rng.usize(0..2) }]),
            commit: Duration::from_millis(1)..=Duration::from_millis(slow_disk),
            weather: Weather::draw(rng),
            restless: false,
            rough_runs: rng.u32(1..=4),
        };
        if rng.u8(0..3) == 0 { scenario.restless(rng) } else { scenario }
    }

    /// Makes runs short, with power losses between them, while requests of earlier runs are still in transit:
    /// enough rows to fill a window, a server without faults, and a timeout of many windows.
    fn restless(mut self, rng: &mut Rng) -> Self {
        let rows = rng.usize(30..=60);
        self.rows = (1..=rows).map(|number| note(number, number as u64)).collect();
        self.settings.timeout = Duration::from_secs([8, 30][rng.usize(0..2)]);
        self.settings.concurrency = None;
        self.settings.spread = Some(Spread::Burst);
        self.faults = vec![None; self.faults.len()];
        self.latency = Duration::from_millis(20)..=Duration::from_millis(120);
        self.commit = Duration::from_millis(1)..=Duration::from_millis(4);
        self.weather = Weather {
            late: [0.2, 0.9][rng.usize(0..2)],
            crash: 0.2 + 0.6 * rng.f64(),
            interrupt: 0.9 * rng.f64(),
            first: 0.3 * rng.f64(),
            wall_step: [0.0, 0.5][rng.usize(0..2)],
            ..Weather::default()
        };
        self.restless = true;
        self.rough_runs = rng.u32(3..=6);
        self
    }

    /// The notes' texts, in the sheet's order.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().filter_map(|line| if let Line::Note { text, .. } = line { Some(text.as_str()) } else { None })
    }

    /// The sheet as an input reader passes it.
    pub fn sheet(&self) -> Vec<Row> {
        let row = |(record, line): (u64, &Line)| {
            let content = match line {
                Line::Note { ticket, text } => Content::Note {
                    ticket: Ticket::try_from(*ticket).expect("a simulated ticket is one"),
                    text: text.clone(),
                    uncut: None,
                    name: None,
                    fields: Vec::new(),
                },
                Line::Invalid => {
                    let what = "no ticket is a number".to_owned();
                    Content::Invalid {
                        reason: Defect { kind: what.clone(), what },
                        key: Key::of_invalid([&b"no ticket"[..], b"text"].into_iter()),
                    }
                }
                Line::Blank => Content::Blank,
            };
            Row { position: Position { record, line: record + 1, byte: record }, content }
        };
        (1..).zip(&self.rows).map(row).collect()
    }

    /// The server's faults, by the numbers of the requests that they apply to.
    pub fn rules(&self) -> impl Iterator<Item = FaultRule> {
        Fault::ALL.iter().filter_map(|fault| {
            let struck = self.faults.iter().zip(1..).filter(|(struck, _)| **struck == Some(*fault));
            let numbers: Vec<u64> = struck.map(|(_, number)| number).collect();
            (!numbers.is_empty()).then_some(FaultRule { fault: *fault, when: When::Numbers(numbers) })
        })
    }

    /// The server's settings.
    pub fn server(&self) -> sandbox::Settings {
        let limit = self.settings.limits.first();
        sandbox::Settings {
            limit: limit.map(|limit| limit.count()),
            window: limit.map_or(sandbox::Settings::WINDOW, |limit| limit.window()),
            counting: self.counting,
            refused_count: self.refused_count,
            faults: self.rules().collect(),
            latency: self.latency.clone(),
            retry_after: self.retry_after,
            seed: self.seed,
            ..sandbox::Settings::default()
        }
    }
}

fn draw_limits(rng: &mut Rng) -> Vec<Limit> {
    let limit = |count: u32, ms: u64| {
        let count = NonZeroU32::new(count).expect("no limit here is zero");
        Limit::new(count, Duration::from_millis(ms)).expect("no window here is zero or too long")
    };
    match rng.u8(0..7) {
        0 | 1 => LeadSquared.limits(),
        2 => vec![limit(2, 1000)],
        3 => vec![limit(1, 200)],
        4 => vec![limit(5, 1000)],
        5 => vec![limit(6, 1000), limit(40, 60_000)],
        _ => vec![limit(4, 1000), limit(9, 5000)],
    }
}

/// Draws occasional faults, or one fault for a while.
fn draw_faults(rng: &mut Rng, requests: usize) -> Vec<Option<Fault>> {
    let kinds: Vec<Fault> = match rng.u8(0..3) {
        0 => vec![Fault::ALL[rng.usize(0..Fault::ALL.len())]],
        1 => rng.choose_multiple(Fault::ALL.iter().copied(), 6),
        _ => Fault::ALL.to_vec(),
    };
    let rate = [0.0, 0.03, 0.15, 0.4][rng.usize(0..4)];
    let mut draw = |rate: f64| (rng.f64() < rate).then(|| kinds[rng.usize(0..kinds.len())]);
    let mut faults: Vec<Option<Fault>> = (0..requests).map(|_| draw(rate)).collect();
    if rng.u8(0..4) == 0 {
        let kind = kinds[rng.usize(0..kinds.len())];
        let begin = if rng.bool() { 0 } else { rng.usize(0..requests) };
        let length = rng.usize(1..60);
        faults.iter_mut().skip(begin).take(length).for_each(|fault| *fault = Some(kind));
    }
    faults
}

impl Weather {
    fn draw(rng: &mut Rng) -> Self {
        let mut sometimes = |most: f64| if rng.u8(0..3) == 0 { most * rng.f64() } else { 0.0 };
        let mut weather = Self {
            unsent: sometimes(0.3),
            unreachable: 0..0,
            lost: sometimes(0.15),
            reply_lost: sometimes(0.15),
            broken: sometimes(0.15),
            late: sometimes(0.3),
            crash: 0.0,
            storage_error: sometimes(1.0),
            interrupt: sometimes(0.8),
            retry_doubts: sometimes(0.8),
            first: sometimes(0.8),
            wall_step: sometimes(1.0),
        };
        weather.crash = if rng.u8(0..3) > 0 { rng.f64() } else { 0.0 };
        if rng.u8(0..8) == 0 {
            let begin = rng.u64(0..20);
            weather.unreachable = begin..begin + rng.u64(1..14);
        }
        weather
    }
}
