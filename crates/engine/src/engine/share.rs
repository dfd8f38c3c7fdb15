//! The share of the limit that a run takes while other clients use the account too.
//!
//! A run never exceeds its limits. So a limited reply means that another client used the rest of the window;
//! or that the limit is set too high or the server counts differently, which call for the same reaction.
//! After the first limited reply the run spaces its attempts evenly, for servers that weight the previous
//! window. Each further one reduces its share of the window by a factor, and every window without one
//! increases it by a small amount: additive increase, multiplicative decrease, by which independent clients
//! converge on their shares. The two constants were chosen by simulation; `docs/limits.md` has the figures
//! and the rejected alternatives.

use std::time::Duration;

use super::{Action, Engine, Notice, shortest};
use crate::budget::Throttle;
use crate::limit::Limit;

/// The factor of the share after a limited reply.
const DECREASE: f64 = 0.7;
/// The part of the limit by which the share grows in each window.
const INCREASE: f64 = 0.02;

/// The share of one run. `now` is an argument.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    limit: Limit,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Stage {
    /// No other client was detected.
    Whole,
    /// The limit is used in full, with attempts spaced evenly.
    Even,
    /// This many attempts per window, growing from this time on.
    Smaller { attempts: f64, from: Duration },
}

/// The reaction to a limited reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reaction {
    SpaceEvenly,
    /// The first reduction of the share, which is reported.
    FirstSmaller,
    Smaller,
}

impl Share {
    /// Starts with all of `limit`, which has the shortest window.
    pub(super) fn whole(limit: Limit) -> Self {
        Self { limit, stage: Stage::Whole }
    }

    pub(super) fn limit(&self) -> Limit {
        self.limit
    }

    /// Changes the limit to one with a shorter window, or to a smaller one with the same window.
    pub(super) fn keep(&mut self, limit: Limit) {
        self.limit = limit;
    }

    /// Reacts to a limited reply although slots were free. Nothing is sent before `resumes`.
    pub(super) fn refused(&mut self, now: Duration, resumes: Duration) -> Reaction {
        let reaction = match self.stage {
            Stage::Whole => Reaction::SpaceEvenly,
            Stage::Even => Reaction::FirstSmaller,
            Stage::Smaller { .. } => Reaction::Smaller,
        };
        self.stage = match self.stage {
            Stage::Whole => Stage::Even,
            _ => Stage::Smaller { attempts: (self.exact(now) * DECREASE).max(1.0), from: resumes },
        };
        reaction
    }

    /// The number of attempts in the shortest window, at least one.
    pub(super) fn at(&self, now: Duration) -> u32 {
        // Not negative, and at most the limit's count.
        (self.exact(now) as u32).max(1)
    }

    fn exact(&self, now: Duration) -> f64 {
        let whole = f64::from(self.limit.count());
        match self.stage {
            Stage::Whole | Stage::Even => whole,
            Stage::Smaller { attempts, from } => {
                let windows = now.saturating_sub(from).as_secs_f64() / self.limit.window().as_secs_f64();
                (attempts + windows * (whole * INCREASE)).min(whole)
            }
        }
    }
}

impl Engine {
    /// Adds a limit that the API stated, if the current limits allow more. Returns whether they do.
    pub(super) fn learn(&mut self, named: Limit) -> bool {
        // Without limits there is no budget to enforce it.
        let Some(share) = &mut self.share else { return false };
        if !named.tighten(&mut self.config.limits) {
            return false;
        }
        if let Some(limit) = shortest(&self.config.limits) {
            share.keep(limit);
        }
        self.actions.push_back(Action::Throttle(Throttle::Learn(named)));
        self.notify(Notice::Learned { limit: named });
        true
    }

    /// Reacts to a limited reply that starts a pause.
    pub(super) fn make_room(&mut self, is_shared: bool, now: Duration, pause: Duration) {
        let Some(share) = &mut self.share else { return };
        if !is_shared {
            // The window had no other attempts of this run, so a smaller share would not have helped. Even
            // spacing does no harm.
            self.actions.push_back(Action::Throttle(Throttle::Evenly));
            return;
        }
        match share.refused(now, now + pause) {
            Reaction::SpaceEvenly => self.actions.push_back(Action::Throttle(Throttle::Evenly)),
            Reaction::FirstSmaller => {
                let (share, limit) = (share.at(now), share.limit());
                self.notify(Notice::OtherClients { share, limit });
            }
            Reaction::Smaller => {}
        }
    }

    /// Reports the share to the budget if it has changed.
    pub(super) fn notify_share(&mut self, now: Duration) {
        let Some(share) = self.share else { return };
        let attempts = share.at(now);
        if attempts != self.told_share.unwrap_or_else(|| share.limit().count()) {
            self.told_share = Some(attempts);
            self.actions.push_back(Action::Throttle(Throttle::Share(attempts)));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn share() -> Share {
        Share::whole("25/5s".parse().unwrap())
    }

    #[test]
    fn the_first_refusal_spaces_evenly_and_the_next_ones_take_a_part_away() {
        let mut share = share();
        assert_eq!((share.refused(s(0), s(5)), share.at(s(0))), (Reaction::SpaceEvenly, 25));
        assert_eq!((share.refused(s(6), s(11)), share.at(s(11))), (Reaction::FirstSmaller, 17));
        assert_eq!((share.refused(s(11), s(16)), share.at(s(16))), (Reaction::Smaller, 12));
    }

    #[test]
    fn the_share_comes_back_window_by_window_but_not_during_the_pause() {
        let mut share = share();
        for _ in 0..3 {
            share.refused(s(0), s(100));
        }
        let least = share.at(s(0));
        assert_eq!(share.at(s(100)), least);
        let grown: Vec<u32> = (1..=30).map(|window| share.at(s(100 + 5 * window))).collect();
        assert_eq!(grown[1], least + 1, "half an attempt a window");
        assert!(grown.windows(2).all(|pair| pair[1] - pair[0] <= 1), "{grown:?}");
        assert_eq!(grown.last(), Some(&25), "{grown:?}");
    }

    #[test]
    fn a_limit_that_was_learned_bounds_the_share_and_is_what_it_is_a_part_of() {
        let learned: Limit = "10/1s".parse().unwrap();
        let mut whole = share();
        whole.keep(learned);
        assert_eq!((whole.at(s(0)), whole.limit()), (10, learned));
        let mut smaller = share();
        smaller.refused(s(0), s(0));
        smaller.refused(s(0), s(0));
        smaller.keep(learned);
        assert_eq!(smaller.at(s(0)), 10, "not 17, which was left of the looser one");
        for _ in 0..3 {
            smaller.refused(s(0), s(0));
        }
        assert_eq!(smaller.at(s(0)), 3);
        assert_eq!(smaller.at(s(5)), 4, "a fiftieth of 10 in each of its own windows");
    }

    #[test]
    fn a_limit_that_the_api_names_holds_where_it_is_stricter_and_the_share_is_of_the_shortest_window() {
        let (config, _) = crate::engine::tests::config("25/5s");
        let mut engine = Engine::new(config.clone());
        for (named, learned, of) in [
            ("25/5s", false, "25/5s"),
            ("26/5s", false, "25/5s"),
            ("10/5s", true, "10/5s"),
            ("10/5s", false, "10/5s"),
            ("2/1s", true, "2/1s"),
            ("1/1m", true, "2/1s"),
            // Ten per five seconds are fewer than ninety per second.
            ("90/1s", false, "2/1s"),
            ("90/2s", false, "2/1s"),
        ] {
            engine.actions.clear();
            let named: Limit = named.parse().unwrap();
            assert_eq!(engine.learn(named), learned, "{named}");
            assert_eq!(engine.share.unwrap().limit(), of.parse().unwrap(), "{named}");
            let told = engine.actions.iter().filter(|action| match action {
                Action::Throttle(how) => *how == Throttle::Learn(named),
                Action::Notify(Notice::Learned { limit }) => *limit == named,
                _ => false,
            });
            assert_eq!(told.count(), if learned { 2 } else { 0 }, "{named}");
        }
        let mut unlimited = Engine::new(crate::engine::Config { limits: Vec::new(), ..config });
        assert!(!unlimited.learn("10/5s".parse().unwrap()));
    }

    #[test]
    fn the_budget_is_told_of_a_share_when_it_changes_and_not_before() {
        let (config, _) = crate::engine::tests::config("25/5s");
        let mut engine = Engine::new(config);
        let told = |engine: &mut Engine, now| {
            engine.notify_share(now);
            engine.actions.drain(..).find_map(|action| match action {
                Action::Throttle(Throttle::Share(attempts)) => Some(attempts),
                _ => None,
            })
        };
        assert_eq!(told(&mut engine, s(0)), None);
        for (refusals, share) in [(1, None), (1, Some(17)), (0, None), (1, Some(12))] {
            (0..refusals).for_each(|_| engine.make_room(true, s(0), s(5)));
            assert_eq!(told(&mut engine, s(5)), share);
        }
        engine.make_room(false, s(5), s(5));
        assert_eq!(told(&mut engine, s(5)), None, "of ours the window was empty");
        assert_eq!(told(&mut engine, s(15)), Some(13));
    }

    proptest! {
        #[test]
        fn it_is_never_nothing_and_never_more_than_the_limit(
            refusals in prop::collection::vec((0u64..600, 0u64..600), 0..60), count in 1u32..1000, after in 0u64..4000,
        ) {
            let limit: Limit = format!("{count}/5s").parse().unwrap();
            let mut share = Share::whole(limit);
            let mut now = Duration::ZERO;
            for (wait, pause) in refusals {
                now += s(wait);
                let before = share.at(now);
                share.refused(now, now + s(pause));
                prop_assert!((1..=before).contains(&share.at(now)));
                now += s(pause);
            }
            prop_assert!((1..=count).contains(&share.at(now + s(after))));
        }
    }
}
