//! The last word: a second, deliberate signal ends a run that cannot hear it.
//!
//! What a run says goes to standard error, and the engine waits until it is written. Where nobody reads there any more (a
//! terminal under Ctrl-S, a pipe whose reader hangs) nothing is sent and nothing recorded until somebody does, and no
//! signal is heard by the run itself.

use std::future::pending;
use std::time::Duration;
use std::{process, thread};

use batchpost::shell::{Error, interrupts};
use tokio::runtime::Builder;
use tokio::time::timeout;
use tracing::warn;

use crate::exit;

/// A run that has heard the signal has ended by then.
const PATIENCE: Duration = Duration::from_secs(2);

/// Listens besides the run, from now on to the end of the process.
///
/// # Errors
///
/// When the system has no thread.
pub(crate) fn listen_for_it() -> Result<(), Error> {
    // Nobody waits for it: if it comes to speak, it ends the process, as a crash would.
    let thread = thread::Builder::new().spawn(move || {
        // Made here: it must not be dropped within another one, as it would be if there is no thread for it.
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
