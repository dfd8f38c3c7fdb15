//! Every way in which a small batch can be cut off, and every way in which its recovery can.

use std::fmt;

use crate::coverage::Coverage;
use crate::disk::{Survival, Trouble};
use crate::history::{End, History, Plan};
use crate::invariants::{self, Violation};
use crate::scenario::Scenario;

/// What an enumeration went through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Enumerated {
    /// States of disk and server from which a batch was run to its end.
    pub images: u64,
    /// Runs that were cut off.
    pub crashes: u64,
    /// What was seen.
    pub coverage: Coverage,
}

/// Which way led to a violation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What must never happen.
    pub violation: Violation,
    /// Before which step each run was cut off, and what became of the disk then; none where the process was killed.
    pub way: Vec<(u64, Option<Survival>)>,
    /// The history in words.
    pub words: Vec<String>,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.words.iter().try_for_each(|line| writeln!(f, "{line}"))?;
        write!(f, "{} (cut off: {:?})", self.violation, self.way)
    }
}

/// How many runs a batch may take from its last crash on: each fault that is worth a run ends one.
const MOST_RUNS_TO_THE_END: u32 = 6;

/// Cuts a first run off before each of its steps and once not at all; leaves the disk in each state that it may be in;
/// cuts the next run off before each step of its recovery, likewise; and from there goes to the end.
///
/// # Errors
///
/// The first way that leads to something that must never happen.
pub fn enumerate(scenario: &Scenario) -> Result<Enumerated, Box<Found>> {
    let mut enumerated = Enumerated::default();
    let history = History::new(scenario.clone());
    match explore(&history, Cut::Anywhere, &mut Vec::new(), &mut enumerated) {
        Ok(()) => Ok(enumerated),
        Err((violation, way)) => Err(Box::new(Found { violation, words: retell(scenario, &way), way })),
    }
}

type Way = Vec<(u64, Option<Survival>)>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    Anywhere,
    InRecovery,
    Nowhere,
}

fn explore(history: &History, cut: Cut, way: &mut Way, enumerated: &mut Enumerated) -> Result<(), (Violation, Way)> {
    let at = |way: &Way| {
        let way = way.clone();
        move |violation| (violation, way)
    };
    let mut whole = history.clone();
    let mut end = whole.run(&Plan::default()).map_err(at(way))?;
    let steps = match cut {
        Cut::Anywhere => whole.disk().steps(),
        Cut::InRecovery => whole.recovery_steps(),
        Cut::Nowhere => 0,
    };
    for _ in 1..MOST_RUNS_TO_THE_END {
        if end == End::Done(None) {
            break;
        }
        end = whole.run(&Plan::default()).map_err(at(way))?;
    }
    whole.let_all_arrive();
    invariants::at_the_end(&whole).map_err(at(way))?;
    enumerated.images += 1;
    enumerated.coverage.add(whole.coverage());

    let next = if cut == Cut::Anywhere { Cut::InRecovery } else { Cut::Nowhere };
    for step in 0..steps {
        let mut crashed = history.clone();
        let trouble = Trouble { crash_at: Some(step), fail_at: None };
        crashed.run(&Plan { trouble, ..Plan::default() }).map_err(at(way))?;
        enumerated.crashes += 1;
        for survival in crashed.disk().survivals().into_iter().map(Some).chain([None]) {
            let mut survived = crashed.clone();
            survived.survive(survival);
            way.push((step, survival));
            explore(&survived, next, way, enumerated)?;
            way.pop();
        }
    }
    Ok(())
}

/// The same path again, with a log.
fn retell(scenario: &Scenario, way: &[(u64, Option<Survival>)]) -> Vec<String> {
    let mut history = History::new(scenario.clone());
    history.in_words();
    for (step, survival) in way {
        let trouble = Trouble { crash_at: Some(*step), fail_at: None };
        if history.run(&Plan { trouble, ..Plan::default() }).is_err() {
            return history.words().to_vec();
        }
        history.survive(*survival);
    }
    for _ in 0..MOST_RUNS_TO_THE_END {
        if !matches!(history.run(&Plan::default()), Ok(End::Done(Some(_)))) {
            break;
        }
    }
    history.words().to_vec()
}
