//! Findings about the budget that the runs of an account share.

use std::path::Path;

use jiff::Timestamp;

use super::{Check, Finding, Setting};
use crate::limiter::Sharer;
use crate::schedule::Load;

/// The state of an account's budget.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BudgetState {
    /// No run has created it yet.
    NotCreated,
    /// It was created, and its state is missing or damaged.
    Lost(String),
    /// No run can use it, for this reason.
    Unusable(String),
    /// It can be read.
    Known {
        /// The runs in progress.
        runs: Vec<Sharer>,
        /// How much of each requested limit is in use.
        loads: Vec<Load>,
    },
}

/// Reports that all runs with the state folder `state` of one user share the limit. `unused_shared` is a shared
/// folder that could be used instead.
pub fn shared_by_user(state: &Path, unused_shared: Option<&Path>) -> Finding {
    let state = state.display();
    let found = format!(
        "this user's runs on this machine that use {state} share the limit; runs of other users and on other machines do not"
    );
    let Some(shared) = unused_shared.map(Path::display) else { return Finding::ok(Check::StateFolder, found) };
    Finding::warning(
        Check::StateFolder,
        format!(
            "{found}; {shared} can be shared, but is not used, because the account already has a budget in {state}"
        ),
        "to share the account with the group, use the shared folder in every run",
    )
    .about(Setting::StateFolder)
}

/// Reports that all runs with the state folder `state` of a group share the limit.
pub fn shared_by_group(state: &Path, group: &str) -> Finding {
    let state = state.display();
    Finding::ok(
        Check::StateFolder,
        format!(
            "runs of all members of group {group} on this machine that use {state} share the limit, and each member can change \
             its files; runs on other machines do not"
        ),
    )
}

/// Reports the state of the budget in `folder`.
pub fn budget(folder: &Path, kept: &BudgetState, now: Timestamp) -> Vec<Finding> {
    let place = folder.display();
    let check = Check::Budget;
    match kept {
        BudgetState::NotCreated => vec![Finding::ok(check, format!("none yet; the first run creates it in {place}"))],
        BudgetState::Lost(why) => vec![Finding::warning(
            check,
            format!("{place} is damaged: {why}"),
            "the next run repairs it, and waits as if every limit were used up; if nothing was sent in that time, you can \
             remove the folder instead, while no run is active",
        )],
        BudgetState::Unusable(why) => vec![
            Finding::problem(check, format!("{place}: {why}"), "fix that, or use another folder")
                .about(Setting::StateFolder),
        ],
        BudgetState::Known { runs, loads } => {
            let used: Vec<String> = loads.iter().map(|load| format!("{} of {}", load.used(now), load.limit)).collect();
            let used = format!("used: {}; in {place}", used.join(", "));
            let shared = runs.iter().map(|run| {
                let limits: Vec<String> = run.limits.iter().map(ToString::to_string).collect();
                let (pid, name, since, limits) = (run.pid, &run.name, run.since, limits.join(" and "));
                Finding::ok(check, format!("process {pid} posts {name} since {since}, with {limits}"))
            });
            std::iter::once(Finding::ok(check, used)).chain(shared).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::doctor::Level;

    fn of(kept: &BudgetState) -> Vec<Finding> {
        budget(Path::new("/state"), kept, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn what_is_used_and_by_whom_is_told() {
        let limit = "25/5s".parse().unwrap();
        let free = Timestamp::from_second(3).unwrap();
        let run = Sharer { pid: 42, name: "a.csv".to_owned(), ..Sharer::new(vec![limit], Duration::from_secs(30)) };
        let found = of(&BudgetState::Known { runs: vec![run], loads: vec![Load { limit, freeing: vec![(free, 7)] }] });
        let found: Vec<&str> = found.iter().map(|finding| finding.found.as_str()).collect();
        assert_eq!(found[0], "used: 7 of 25/5s; in /state");
        assert!(found[1].starts_with("process 42 posts a.csv since 1970"), "{found:?}");
    }

    #[test]
    fn who_shares_with_whom_is_told_and_that_other_machines_do_not() {
        let path = Path::new("/state");
        let alone = shared_by_user(path, None);
        assert!(alone.level == Level::Ok && alone.found.contains("this user's runs on this machine"), "{alone:?}");
        let unused_shared = shared_by_user(path, Some(Path::new("/shared")));
        assert!(unused_shared.level == Level::Warning && unused_shared.found.contains("/shared can be shared"));
        assert_eq!(unused_shared.setting, Some(Setting::StateFolder));
        let group = shared_by_group(path, "ops");
        assert!(group.found.contains("members of group ops") && group.found.contains("each member can change"));
        assert!([alone, group].iter().all(|finding| finding.found.contains("on other machines do not")));
    }

    #[test]
    fn a_state_that_a_run_would_mend_is_a_warning_and_one_that_it_cannot_use_a_problem() {
        assert_eq!(of(&BudgetState::NotCreated)[0].level, Level::Ok);
        assert_eq!(of(&BudgetState::Lost("cut".to_owned()))[0].level, Level::Warning);
        assert_eq!(of(&BudgetState::Unusable("newer".to_owned()))[0].level, Level::Problem);
    }
}
