//! Values of options, as typed.

use std::ffi::OsStr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use batchpost::input::Format;
use batchpost::limit::{Limit, LimitError};
use batchpost::outcome::Outcome;
use batchpost_sandbox::{Fault, FaultRule};
use clap::ValueEnum;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Arg, Command};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// A limit, or `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LimitArg {
    None,
    Limit(Limit),
}

impl FromStr for LimitArg {
    type Err = LimitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim() == "none" { Ok(Self::None) } else { text.parse().map(Self::Limit) }
    }
}

/// The part of a limit that is reserved for other clients: of the limit with that window, or else of the
/// limit with the shortest window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reserve {
    pub(crate) count: u32,
    pub(crate) window: Option<Duration>,
}

impl FromStr for Reserve {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains('/') {
            let limit: Limit = text.parse().map_err(|error: LimitError| error.to_string())?;
            return Ok(Self { count: limit.count(), window: Some(limit.window()) });
        }
        let count = text.trim().parse().map_err(|_| "write it like 5 or 20000/1d".to_owned())?;
        Ok(Self { count, window: None })
    }
}

/// A range of durations.
#[derive(Debug, Clone)]
pub(crate) struct Latency(pub(crate) RangeInclusive<Duration>);

impl FromStr for Latency {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (from, to) = text.split_once("..").unwrap_or((text, text));
        let parse = |text: &str| humantime::parse_duration(text.trim()).map_err(|error| format!("{text:?}: {error}"));
        let (from, to) = (parse(from)?, parse(to)?);
        if from <= to { Ok(Self(from..=to)) } else { Err(format!("{text:?}: the end is before the start")) }
    }
}

/// A parser of outcomes that lists them for shell completion.
pub(super) fn state() -> impl TypedValueParser<Value = Outcome> {
    let words = Outcome::ALL.map(|outcome| PossibleValue::new(outcome.word()).alias(outcome.word().replace('_', "-")));
    PossibleValuesParser::new(words).try_map(|word| word.parse::<Outcome>())
}

/// A parser of input formats that lists them for shell completion.
pub(super) fn format() -> impl TypedValueParser<Value = Format> {
    let words = ["csv", "jsonl", "json", "xlsx", "xlsb", "xls", "ods"].map(PossibleValue::new);
    let others = ["tsv", "tab", "ndjson", "xlsm", "workbook"].map(|word| PossibleValue::new(word).hide(true));
    PossibleValuesParser::new(words.into_iter().chain(others)).try_map(|word| word.parse::<Format>())
}

/// A parser of the sandbox's fault rules that lists the kinds for shell completion.
#[derive(Debug, Clone)]
pub(super) struct FaultParser;

impl TypedValueParser for FaultParser {
    type Value = FaultRule;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<FaultRule, clap::Error> {
        FaultRule::from_str.parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(Fault::ALL.iter().map(|fault| PossibleValue::new(fault.name()).help(meaning(*fault)))))
    }
}

/// The effect of a fault, in the style of help texts: without a full stop.
pub(super) fn meaning(fault: Fault) -> &'static str {
    fault.meaning().trim_end_matches('.')
}

/// The long help for fault rules, with every kind.
pub(super) fn faults() -> String {
    let widest = Fault::ALL.iter().map(|fault| fault.name().len()).max().unwrap_or_default();
    let kinds: String =
        Fault::ALL.iter().map(|fault| format!("\n  {:widest$}  {}", fault.name(), meaning(*fault))).collect();
    format!(
        "Inject a fault: KIND=PROBABILITY, KIND@N,N (the Nth request) or KIND@ticket:ID; repeatable. If several rules \
         match a request, a rule by number wins over one by ticket, and that over one by probability; among equals the \
         first.\n\n\
         Kinds:{kinds}"
    )
}

/// The numbers of the first and last row of a range, as `show` lists them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowRange(pub(crate) RangeInclusive<u64>);

impl FromStr for RowRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.trim().parse::<u64>();
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (number(first), number(last)) {
            (Ok(first), Ok(last)) if first > last => {
                Err(format!("the range ends before it starts; did you mean {last}-{first}?"))
            }
            (Ok(first), Ok(last)) => Ok(Self(first..=last)),
            _ => Err("expected row numbers and ranges, like 4,11-13".to_owned()),
        }
    }
}

/// Parses a row's number, as `show` lists it.
pub(super) fn row(text: &str) -> Result<u64, String> {
    text.trim().parse().map_err(|_| "expected a row number, like 11".to_owned())
}

/// Parses a ticket's number, as `show` lists it.
pub(super) fn ticket(text: &str) -> Result<u64, String> {
    text.trim().parse().map_err(|_| "expected the ticket's number as `show` lists it, like 143".to_owned())
}

/// Parses a timeout. Zero is rejected because it would put every row in doubt; no server takes a day.
pub(super) fn timeout(text: &str) -> Result<Duration, String> {
    let timeout = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let sane = Duration::from_millis(100)..=Duration::from_secs(24 * 60 * 60);
    if sane.contains(&timeout) { Ok(timeout) } else { Err("it must be between 100ms and 1d".to_owned()) }
}

/// Parses a grace period. It is at most the longest timeout: requests in flight have ended by then.
pub(super) fn grace(text: &str) -> Result<Duration, String> {
    let grace = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if grace <= Duration::from_secs(24 * 60 * 60) { Ok(grace) } else { Err("it must be at most 1d".to_owned()) }
}

/// Parses a duration of at most 366 days, so that sums of times cannot overflow.
pub(super) fn give_up_after(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if time <= Limit::LONGEST { Ok(time) } else { Err("it must be at most 366d".to_owned()) }
}
