//! The state of a ledger's last run, as far as known, and whether a process has the ledger.

use batchpost::batch::{Holder, InUse};
use batchpost::ledger::Batch;
use batchpost::outcome::Stop;
use jiff::Timestamp;

/// How it fared. `in_use` names the process that has the ledger right now, so that no other can add to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastRun {
    /// It ended, or there was none yet.
    Ended {
        /// Why it ended early.
        stopped: Option<Stop>,
        /// Who is about to begin the next, or to settle rows.
        in_use: Option<u32>,
    },
    /// Surely it was cut off.
    CutOff {
        /// As of one that ended.
        in_use: Option<u32>,
    },
    /// It has not ended, or was cut off.
    Unclear {
        /// Who posts by the ledger, or came after that.
        in_use: Option<u32>,
    },
    /// It is under way.
    UnderWay {
        /// Its process.
        process: u32,
    },
}

impl LastRun {
    /// The last run of `batch`, which was read after it was asked who has its ledger.
    pub(crate) fn of(batch: &Batch, in_use: InUse) -> Self {
        match (&batch.run, &batch.finish) {
            (Some(run), None) => Self::without_an_end(run.wall, in_use),
            (_, finish) => {
                let in_use = if let InUse::By(holder) = in_use { Some(holder.process) } else { None };
                Self::Ended { stopped: finish.as_ref().and_then(|finish| finish.stopped), in_use }
            }
        }
    }

    /// One that has no end in the ledger.
    fn without_an_end(begun: Timestamp, in_use: InUse) -> Self {
        match in_use {
            // A run has the ledger before the run is recorded; whoever has it since later came after that.
            InUse::By(Holder { process, since: Some(since) }) if since <= begun => Self::UnderWay { process },
            InUse::By(Holder { process, since: Some(_) }) => Self::CutOff { in_use: Some(process) },
            InUse::By(Holder { process, since: None }) => Self::Unclear { in_use: Some(process) },
            // A run that began since then is not meant by it.
            InUse::ByNobody { at } if begun < at => Self::CutOff { in_use: None },
            InUse::ByNobody { .. } | InUse::NotTold => Self::Unclear { in_use: None },
        }
    }

    /// Why it ended early, where it ended so.
    pub(crate) fn stopped(self) -> Option<Stop> {
        if let Self::Ended { stopped, .. } = self { stopped } else { None }
    }

    /// The process of the run, if it is surely under way.
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
        let of = |in_use| LastRun::without_an_end(at(100), in_use);
        let by = |since| of(InUse::By(Holder { process: 42, since }));
        assert_eq!(by(Some(at(99))), LastRun::UnderWay { process: 42 });
        assert_eq!(by(Some(at(101))), LastRun::CutOff { in_use: Some(42) });
        assert_eq!(by(None), LastRun::Unclear { in_use: Some(42) }, "it may be somebody who settles rows");
        assert_eq!(of(InUse::ByNobody { at: at(101) }), LastRun::CutOff { in_use: None });
        assert_eq!(of(InUse::ByNobody { at: at(99) }), LastRun::Unclear { in_use: None }, "it began since");
        assert_eq!(of(InUse::NotTold), LastRun::Unclear { in_use: None });
    }
}
