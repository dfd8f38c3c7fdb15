//! The API's behaviour, without I/O and without a clock.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use fastrand::Rng;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::answer::{self, Fate};
use crate::other_clients::OtherClients;
use crate::window::{Budget, most_in_a_fixed, most_in_any};
use crate::{Counting, Fault, Received, Settings, When};

/// A server that enforces its limit, records what arrived, and fails by its fault rules.
///
/// Times are measured from the model's start and never decrease. All random choices come from the seed: the
/// same calls in the same order have the same results. All arrivals are recorded, so memory grows with every
/// request and note. A clone continues from the same moment, with the same random choices.
#[derive(Debug, Clone)]
pub struct Model {
    settings: Settings,
    rng: Rng,
    budget: Budget,
    other_clients: Option<OtherClients>,
    received: u64,
    limited_by_fault: usize,
    arrivals: Vec<Duration>,
    refusals: Vec<Duration>,
    notes: Vec<Note>,
}

/// How long a request and its reply are in transit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Journey {
    /// From the client's send until the request is counted.
    pub out: Duration,
    /// From then until the client has the reply.
    pub back: Duration,
}

/// A note that was created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// When it was created.
    pub at: Duration,
    /// Its ticket.
    pub ticket: u64,
    /// Its text.
    pub text: String,
    /// The fields that are not in the documentation.
    pub fields: Map<String, Value>,
}

/// Counts of the requests and their results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Counted requests: all except the lost ones.
    pub requests: usize,
    /// Requests that never arrived because of a fault.
    pub lost: usize,
    /// Requests whose reply reported the limit as exceeded, whether or not it was.
    pub limited: usize,
    /// Requests that did exceed the limit.
    pub refused: usize,
    /// Notes created.
    pub notes: usize,
    /// Tickets with a note. If every row has its own ticket, fewer than rows means lost notes, and more notes
    /// than tickets means notes created twice.
    pub tickets: usize,
    /// Calls of other clients, up to the last request.
    #[serde(rename = "strangers")]
    pub other_clients: usize,
    /// Calls of other clients that the limit refused.
    #[serde(rename = "strangers_refused")]
    pub other_clients_refused: usize,
    /// The maximum number of requests, including refused ones but not other clients' calls, within any closed
    /// interval of the window's length.
    pub most_in_any_window: usize,
    /// The same maximum within one of the fixed windows, if windows are fixed.
    pub most_in_a_fixed_window: Option<usize>,
}

impl Model {
    /// Creates a server that has not received anything.
    pub fn new(settings: Settings) -> Self {
        Self {
            rng: Rng::with_seed(settings.seed),
            budget: Budget::new(settings.limit, settings.window, settings.counting, settings.refused_count),
            other_clients: settings
                .other_clients
                .and_then(|(count, time)| OtherClients::new(count, time, settings.seed)),
            settings,
            received: 0,
            limited_by_fault: 0,
            arrivals: Vec::new(),
            refusals: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Draws a request's times in transit; out and back together are within the latency.
    pub fn journey(&mut self) -> Journey {
        let nanos = |duration: &Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let (shortest, longest) = (nanos(self.settings.latency.start()), nanos(self.settings.latency.end()));
        let total = self.rng.u64(shortest..=longest.max(shortest));
        let out = self.rng.u64(0..=total);
        Journey { out: Duration::from_nanos(out), back: Duration::from_nanos(total - out) }
    }

    /// Counts and judges the request, both at this moment.
    ///
    /// The limit comes first: a request that it refuses is subject to no fault, except that it may be lost. A
    /// fault that would create a note does not apply to a request without one, which gets the API's reply.
    /// `wall` is used only for the faults with a date.
    ///
    /// # Panics
    ///
    /// If `at` is earlier than in a previous call: the limit would be meaningless.
    pub fn receive(&mut self, at: Duration, wall: SystemTime, request: &Received<'_>) -> Fate {
        assert!(self.arrivals.last().is_none_or(|last| *last <= at), "time runs backwards, to {at:?}");
        self.received += 1;
        let wanted = request.read(&self.settings);
        let fault = self.draw_fault(wanted.as_ref().ok().map(|wanted| wanted.ticket));
        if fault == Some(Fault::Lost) {
            return Fate::Silence;
        }
        self.arrivals.push(at);
        if let Some(other_clients) = &mut self.other_clients {
            other_clients.call(at, &mut self.budget);
        }
        if !self.budget.take(at) {
            self.refusals.push(at);
            return Fate::Reply(answer::refused(&self.settings));
        }
        let fault = match (fault, wanted) {
            (Some(fault), _) if !fault.creates() => fault,
            (_, Err(answer)) => return Fate::Reply(answer),
            (fault, Ok(wanted)) => {
                let ticket = wanted.ticket;
                self.notes.push(Note { at, ticket, text: wanted.text, fields: wanted.fields });
                return match fault {
                    Some(fault) => answer::of_fault(fault, ticket, &self.settings, wall),
                    None => Fate::Reply(answer::created(self.settings.api, ticket)),
                };
            }
        };
        self.limited_by_fault += usize::from(fault.limits());
        answer::of_fault(fault, 0, &self.settings, wall)
    }

    /// When each request was counted, in order.
    pub fn arrivals(&self) -> &[Duration] {
        &self.arrivals
    }

    /// When each request that did exceed the limit was refused, in order.
    pub fn refusals(&self) -> &[Duration] {
        &self.refusals
    }

    /// All created notes, in order.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// The counts so far. Takes time proportional to the number of requests.
    pub fn report(&self) -> Report {
        let Settings { window, counting, .. } = self.settings;
        let other_clients = self.other_clients.as_ref().map(OtherClients::calls).unwrap_or_default();
        Report {
            requests: self.arrivals.len(),
            lost: usize::try_from(self.received).unwrap_or(usize::MAX) - self.arrivals.len(),
            limited: self.refusals.len() + self.limited_by_fault,
            refused: self.refusals.len(),
            notes: self.notes.len(),
            tickets: self.notes.iter().map(|note| note.ticket).collect::<BTreeSet<_>>().len(),
            other_clients: other_clients.made,
            other_clients_refused: other_clients.refused,
            most_in_any_window: most_in_any(&self.arrivals, window),
            most_in_a_fixed_window: match counting {
                Counting::Sliding => None,
                Counting::Fixed { phase } => Some(most_in_a_fixed(&self.arrivals, window, phase)),
            },
        }
    }

    /// Draws the fault of a request. A rule by number comes before one by ticket, and that before one by
    /// probability; among equals the first applies. All rules with a probability draw every time, so that a
    /// request's fault does not depend on which rules applied to others.
    fn draw_fault(&mut self, ticket: Option<u64>) -> Option<Fault> {
        let mut struck: Option<(u8, Fault)> = None;
        for rule in &self.settings.faults {
            let (strikes, after) = match &rule.when {
                When::Numbers(numbers) => (numbers.contains(&self.received), 0),
                When::Ticket(wanted) => (ticket == Some(*wanted), 1),
                When::Probability(probability) => (self.rng.f64() < *probability, 2),
            };
            if strikes && struck.is_none_or(|(before, _)| after < before) {
                struck = Some((after, rule.fault));
            }
        }
        struck.map(|(_, fault)| fault)
    }
}

#[cfg(test)]
mod tests;
