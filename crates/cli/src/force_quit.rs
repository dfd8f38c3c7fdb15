//! Forced exit: a second, deliberate signal ends a run that cannot react to signals.
//!
//! Messages go to standard error, and the engine waits until they are written. If nothing reads them (a
//! terminal under Ctrl-S, a pipe whose reader hangs), nothing is sent or recorded until it does, and the run
//! itself does not react to signals.

use std::future::pending;
use std::time::Duration;
use std::{process, thread};

use batchpost::batch::Error;
use batchpost::runtime::interrupts;
use tokio::runtime::Builder;
use tokio::time::timeout;
use tracing::warn;

use crate::exit;

/// A run that reacts to the signal has ended within this time.
const PATIENCE: Duration = Duration::from_secs(2);

/// Listens for signals beside the run, until the process ends.
///
/// # Errors
///
/// If the system cannot start a thread.
pub(crate) fn listen_for_it() -> Result<(), Error> {
    // The thread is not joined: if it acts, it ends the process, as a crash would.
    let thread = thread::Builder::new().spawn(move || {
        // Create the runtime here: if the thread cannot start, a runtime moved into it would be dropped
        // inside another runtime, which panics.
        let runtime = match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return warn!(%error, "a second signal will have no effect"),
        };
        runtime.block_on(async {
            let Ok(mut signals) = interrupts() else { return };
            if let Some(first) = signals.at_once().await {
                timeout(PATIENCE, pending::<()>()).await.ok();
                process::exit(exit::of_signal(first).into());
            }
        });
    });
    thread.map(drop).map_err(|source| Error::Thread { what: "listen for signals", source })
}
