//! All ways in which a small batch and its recovery can be cut off.

use std::fmt;

use crate::coverage::Coverage;
use crate::disk::{Survival, Trouble};
use crate::history::{End, History, Plan};
use crate::invariants::{self, Violation};
use crate::scenario::Scenario;

/// The extent of an enumeration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Enumerated {
    /// The number of states of disk and server from which a batch was run to its end.
    pub images: u64,
    /// The number of runs that were cut off.
    pub crashes: u64,
    /// Counts of what happened.
    pub coverage: Coverage,
}

/// A violation and the path that leads to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The violated invariant.
    pub violation: Violation,
    /// Before which step each run was cut off, and what happened to the disk; `None` if the process was
    /// killed.
    pub path: Vec<(u64, Option<Survival>)>,
    /// The log of the history.
    pub words: Vec<String>,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.words.iter().try_for_each(|line| writeln!(f, "{line}"))?;
        write!(f, "{} (cut off: {:?})", self.violation, self.path)
    }
}

/// The maximum number of runs of a batch after its last crash: each fault that ends a run takes one.
const MOST_RUNS_TO_THE_END: u32 = 6;

/// Cuts a first run off before each of its steps, and once not at all; leaves the disk in each possible
/// state; does the same to the next run before each step of its recovery; and runs the batch to its end from
/// there.
///
/// # Errors
///
/// The first path that violates an invariant.
pub fn enumerate(scenario: &Scenario) -> Result<Enumerated, Box<Found>> {
    let mut enumerated = Enumerated::default();
    let history = History::new(scenario.clone());
    match explore(&history, Cut::Anywhere, &mut Vec::new(), &mut enumerated) {
        Ok(()) => Ok(enumerated),
        Err((violation, path)) => Err(Box::new(Found { violation, words: replay(scenario, &path), path })),
    }
}

type CrashPath = Vec<(u64, Option<Survival>)>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    Anywhere,
    InRecovery,
    Nowhere,
}

fn explore(
    history: &History,
    cut: Cut,
    path: &mut CrashPath,
    enumerated: &mut Enumerated,
) -> Result<(), (Violation, CrashPath)> {
    let at = |path: &CrashPath| {
        let path = path.clone();
        move |violation| (violation, path)
    };
    let mut whole = history.clone();
    let mut end = whole.run(&Plan::default()).map_err(at(path))?;
    let steps = match cut {
        Cut::Anywhere => whole.disk().steps(),
        Cut::InRecovery => whole.recovery_steps(),
        Cut::Nowhere => 0,
    };
    for _ in 1..MOST_RUNS_TO_THE_END {
        if end == End::Done(None) {
            break;
        }
        end = whole.run(&Plan::default()).map_err(at(path))?;
    }
    whole.let_all_arrive();
    invariants::at_the_end(&whole).map_err(at(path))?;
    enumerated.images += 1;
    enumerated.coverage.add(whole.coverage());

    let next = if cut == Cut::Anywhere { Cut::InRecovery } else { Cut::Nowhere };
    for step in 0..steps {
        let mut crashed = history.clone();
        let trouble = Trouble { crash_at: Some(step), fail_at: None };
        crashed.run(&Plan { trouble, ..Plan::default() }).map_err(at(path))?;
        enumerated.crashes += 1;
        for survival in crashed.disk().survivals().into_iter().map(Some).chain([None]) {
            let mut survived = crashed.clone();
            survived.survive(survival);
            path.push((step, survival));
            explore(&survived, next, path, enumerated)?;
            path.pop();
        }
    }
    Ok(())
}

/// Repeats the path, with a log.
fn replay(scenario: &Scenario, path: &[(u64, Option<Survival>)]) -> Vec<String> {
    let mut history = History::new(scenario.clone());
    history.in_words();
    for (step, survival) in path {
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
