//! Interprets signals: the first asks a run to end, a later one ends it at once.

use std::time::Duration;

/// A request to end the run. The number is the signal's Unix number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interrupt(pub u8);

/// The terminal is gone: its window was closed, or its connection was lost. The Unix signal number.
pub const SIGHUP: u8 = 1;
/// Ctrl-C. The Unix signal number.
pub const SIGINT: u8 = 2;
/// The usual termination request. The Unix signal number.
pub const SIGTERM: u8 = 15;

/// A signal sooner than this after the first counts as the same request: process managers signal the process
/// and then its group, and a terminal and a wrapper both forward Ctrl-C. A user who wants to end the run at
/// once presses again.
pub const DELIBERATE_AFTER: Duration = Duration::from_secs(1);

/// The effect of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// End gracefully.
    ToEnd,
    /// A repetition: no effect.
    Again,
    /// End now, without waiting for attempts in flight.
    AtOnce,
}

/// The signals of one run. The first asks it to end. A signal [`DELIBERATE_AFTER`] the first or later ends it
/// at once, whatever the kinds of the two. A hang-up never does: a closed terminal sends several, and systemd
/// may send one after its SIGTERM.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Interruption {
    first: Option<(Interrupt, Duration)>,
}

impl Interruption {
    /// Handles a signal that arrived at `now`.
    pub fn on_signal(&mut self, signal: Interrupt, now: Duration) -> Asked {
        match self.first {
            None => {
                self.first = Some((signal, now));
                Asked::ToEnd
            }
            Some((_, first)) if signal == Interrupt(SIGHUP) || now < first + DELIBERATE_AFTER => Asked::Again,
            Some(_) => Asked::AtOnce,
        }
    }

    /// The first signal, which determines the exit code.
    pub fn first(&self) -> Option<Interrupt> {
        self.first.map(|(signal, _)| signal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HANG_UP: Interrupt = Interrupt(SIGHUP);
    const CTRL_C: Interrupt = Interrupt(SIGINT);
    const TERMINATE: Interrupt = Interrupt(SIGTERM);

    fn asked(signals: &[(Interrupt, u64)]) -> (Vec<Asked>, Option<Interrupt>) {
        let mut interruption = Interruption::default();
        let each = signals.iter().map(|(signal, ms)| interruption.on_signal(*signal, Duration::from_millis(*ms)));
        (each.collect(), interruption.first())
    }

    #[test]
    fn a_signal_within_a_second_of_the_first_is_the_same_request() {
        let (told, first) = asked(&[(TERMINATE, 500), (TERMINATE, 500), (CTRL_C, 900), (TERMINATE, 1499)]);
        assert_eq!(told, [Asked::ToEnd, Asked::Again, Asked::Again, Asked::Again]);
        assert_eq!(first, Some(TERMINATE));
    }

    #[test]
    fn a_second_signal_of_any_kind_ends_at_once_a_second_after_the_first_however_many_came_between() {
        for second in [CTRL_C, TERMINATE] {
            let (told, first) = asked(&[(CTRL_C, 500), (CTRL_C, 1400), (second, 1500)]);
            assert_eq!(told, [Asked::ToEnd, Asked::Again, Asked::AtOnce]);
            assert_eq!(first, Some(CTRL_C));
        }
    }

    #[test]
    fn a_hang_up_asks_to_end_and_never_ends_at_once() {
        let (told, _) = asked(&[(HANG_UP, 0), (HANG_UP, 5000), (CTRL_C, 6000)]);
        assert_eq!(told, [Asked::ToEnd, Asked::Again, Asked::AtOnce]);
    }
}
