//! The account's budget between runs, which the runtime stores in a file.

use std::time::Duration;

use batchpost_engine::limiter::{Account, Member, Stamp, Unreadable};
use fastrand::Rng;
use jiff::Timestamp;

/// The stored state, on the clock of a machine that can lose power.
#[derive(Debug, Clone, Default)]
pub(crate) struct AccountFile {
    line: Option<String>,
    /// The state as the active run left it, cached to save parsing and writing it each time.
    fresh: Option<(Account, Stamp)>,
    /// Whether the cached state is durable, as every state must be that has to survive a power loss.
    is_synced: bool,
    /// The last durable state.
    durable: Option<String>,
    /// The number of power losses, and when the machine last started.
    boots: u32,
    booted: Duration,
}

impl AccountFile {
    /// The time on the machine's clock.
    pub(crate) fn stamp(&self, clock: Duration, wall: Timestamp) -> Stamp {
        // No call happens at the moment of the boot.
        let at = clock - self.booted + Duration::from_secs(10);
        Stamp { boot: self.boots.to_string(), at, wall }
    }

    /// Changes the state for a run, as the runtime does under the lock, and makes it durable if it must
    /// survive a power loss. Of the runs in it, only those with `is_alive` are alive.
    pub(crate) fn change<T>(
        &mut self,
        stamp: &Stamp,
        timeout: Duration,
        is_alive: impl Fn(u64) -> bool,
        change: impl FnOnce(&mut Account, Duration) -> T,
    ) -> T {
        let kept = self.fresh.take().map(|(account, _)| account);
        let mut account = kept.unwrap_or_else(|| read(self.line.as_deref(), stamp, timeout));
        account.find_dead(|run| is_alive(run.id), stamp.at);
        let result = change(&mut account, stamp.at);
        self.is_synced = account.outlasts_a_restart();
        self.fresh = Some((account, stamp.clone()));
        result
    }

    /// Ends the active run's use of the cache: the next run reads the stored state.
    pub(crate) fn flush(&mut self) {
        if let Some((account, stamp)) = self.fresh.take() {
            self.line = Some(account.to_line(&stamp));
            if self.is_synced {
                self.durable.clone_from(&self.line);
            }
        }
    }

    /// Makes the state durable.
    pub(crate) fn sync(&mut self) {
        self.flush();
        self.durable.clone_from(&self.line);
    }

    /// A power loss: the state is the last durable one, a later one, or damaged.
    pub(crate) fn lose_power(&mut self, rng: &mut Rng, clock: Duration) -> &'static str {
        self.boots += 1;
        self.booted = clock;
        match rng.u8(0..3) {
            0 => {
                self.line.clone_from(&self.durable);
                "budget as last synced"
            }
            1 => "budget kept",
            _ => match &mut self.line {
                // At least the line's end is lost. A durable state stays intact.
                Some(line) if line != self.durable.as_deref().unwrap_or_default() => {
                    line.truncate(rng.usize(0..line.len().max(1)));
                    "budget torn"
                }
                _ => "budget kept",
            },
        }
    }
}

fn read(line: Option<&str>, stamp: &Stamp, timeout: Duration) -> Account {
    let Some(line) = line else { return Account::default() };
    match Account::read(line.as_bytes(), stamp) {
        Ok(account) => account,
        Err(Unreadable::Damaged(_)) => Account::unknown(stamp.at + timeout),
        Err(error) => panic!("{error}"),
    }
}

/// Removes a run that ends gracefully from the stored state.
pub(crate) fn leave(
    kept: &mut AccountFile,
    member: &mut Member,
    stamp: &Stamp,
    ended: &[(batchpost_engine::budget::Ended, Duration)],
) {
    let (id, timeout) = (member.run().id, member.run().timeout);
    kept.change(stamp, timeout, |run| run == id, |account, now| member.leave(account, ended, now));
    kept.sync();
}
