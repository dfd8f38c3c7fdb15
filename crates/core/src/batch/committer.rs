//! The thread that owns the ledger and commits groups of records one after the other.

use std::io;
use std::thread::{self, JoinHandle};

use tokio::sync::mpsc;

use crate::ledger::{Ledger, LedgerError, Record};
use crate::storage::Storage;

/// Sends groups of records to the ledger's thread, one at a time. Records that arrive during a sync form the next
/// group.
#[derive(Debug)]
pub(super) struct Committer<S> {
    groups: mpsc::Sender<Vec<Record>>,
    done: mpsc::Receiver<Result<(), LedgerError>>,
    thread: JoinHandle<Ledger<S>>,
    busy: bool,
}

impl<S: Storage + 'static> Committer<S> {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// If the system provides no thread.
    pub(super) fn start(mut ledger: Ledger<S>) -> io::Result<Self> {
        let (groups, mut to_commit) = mpsc::channel::<Vec<Record>>(1);
        let (committed, done) = mpsc::channel(1);
        let thread = thread::Builder::new().spawn(move || {
            while let Some(group) = to_commit.blocking_recv() {
                let result = ledger.commit(&group);
                // The run has ended. Attempts whose records it did not await are in doubt because of their intents.
                if committed.blocking_send(result).is_err() {
                    break;
                }
            }
            ledger
        })?;
        Ok(Self { groups, done, thread, busy: false })
    }

    /// Whether a group is being committed.
    pub(super) fn is_busy(&self) -> bool {
        self.busy
    }

    /// Starts the commit of `group`.
    pub(super) fn commit(&mut self, group: Vec<Record>) {
        debug_assert!(!self.busy, "one group at a time");
        self.busy = true;
        if let Err(error) = self.groups.try_send(group) {
            // The thread has panicked: `committed` returns an error.
            tracing::error!(%error, "the ledger's thread is gone");
        }
    }

    /// Waits until the group is durable. Cancel-safe.
    pub(super) async fn committed(&mut self) -> Result<(), LedgerError> {
        let result = self.done.recv().await;
        self.busy = false;
        result.unwrap_or(Err(LedgerError::Poisoned))
    }

    /// Returns the ledger after all commits, or `None` if its thread panicked.
    pub(super) fn finish(self) -> Option<Ledger<S>> {
        drop(self.groups);
        self.thread.join().ok()
    }
}
