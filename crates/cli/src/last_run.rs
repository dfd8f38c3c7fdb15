//! The state of a ledger's last run, as far as known, and whether a process has the ledger locked.

use batchpost::batch::{Holder, InUse};
use batchpost::ledger::Batch;
use batchpost::outcome::Stop;
use jiff::Timestamp;

/// The state of the last run. `in_use` is the process that has the ledger locked now, if any; no other can
/// write to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastRun {
    /// It ended, or there was no run yet.
    Ended {
        /// Why it ended early.
        stopped: Option<Stop>,
        /// The process that is about to start the next run or to settle rows.
        in_use: Option<u32>,
    },
    /// It was certainly cut off.
    CutOff {
        /// As for `Ended`.
        in_use: Option<u32>,
    },
    /// It is still active, or was cut off.
    Unclear {
        /// The process of this run, or a later process.
        in_use: Option<u32>,
    },
    /// It is active.
    UnderWay {
        /// Its process.
        process: u32,
    },
}

impl LastRun {
    /// The state of the last run of `batch`. Read the batch after asking which process has the ledger locked.
    pub(crate) fn of(batch: &Batch, in_use: InUse) -> Self {
        match (&batch.run, &batch.finish) {
            (Some(run), None) => Self::unfinished(run.wall, in_use),
            (_, finish) => {
                let in_use = if let InUse::By(holder) = in_use { Some(holder.process) } else { None };
                Self::Ended { stopped: finish.as_ref().and_then(|finish| finish.stopped), in_use }
            }
        }
    }

    /// The state of a run without an end in the ledger.
    fn unfinished(begun: Timestamp, in_use: InUse) -> Self {
        match in_use {
            // A run locks the ledger before it records its start; a process that locked it later started
            // after that run.
            InUse::By(Holder { process, since: Some(since) }) if since <= begun => Self::UnderWay { process },
            InUse::By(Holder { process, since: Some(_) }) => Self::CutOff { in_use: Some(process) },
            InUse::By(Holder { process, since: None }) => Self::Unclear { in_use: Some(process) },
            // `Unused` says nothing about a run that started later.
            InUse::Unused { at } if begun < at => Self::CutOff { in_use: None },
            InUse::Unused { .. } | InUse::Unknown => Self::Unclear { in_use: None },
        }
    }

    /// Why the run ended early, if it did.
    pub(crate) fn stopped(self) -> Option<Stop> {
        if let Self::Ended { stopped, .. } = self { stopped } else { None }
    }

    /// The process of the run, if it is certainly active.
    pub(crate) fn under_way(self) -> Option<u32> {
        if let Self::UnderWay { process } = self { Some(process) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_without_an_end_is_under_way_or_cut_off_only_where_the_system_tells() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let of = |in_use| LastRun::unfinished(at(100), in_use);
        let by = |since| of(InUse::By(Holder { process: 42, since }));
        assert_eq!(by(Some(at(99))), LastRun::UnderWay { process: 42 });
        assert_eq!(by(Some(at(101))), LastRun::CutOff { in_use: Some(42) });
        assert_eq!(by(None), LastRun::Unclear { in_use: Some(42) }, "it may be somebody who settles rows");
        assert_eq!(of(InUse::Unused { at: at(101) }), LastRun::CutOff { in_use: None });
        assert_eq!(of(InUse::Unused { at: at(99) }), LastRun::Unclear { in_use: None }, "it began since");
        assert_eq!(of(InUse::Unknown), LastRun::Unclear { in_use: None });
    }
}
