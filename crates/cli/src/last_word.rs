//! The last word: a second, deliberate signal ends a run that cannot hear it.
//!
//! What a run says goes to standard error, and the engine waits until it is written. Where nobody reads there any more (a
//! terminal under Ctrl-S, a pipe whose reader hangs) nothing is sent and nothing recorded until somebody does, and no
//! signal is heard by the run itself.

use std::future::pending;
use std::time::Duration;
use std::{io, process, thread};

use batchpost::shell::interrupts;
use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::exit;

/// A run that has heard the signal has ended by then.
const PATIENCE: Duration = Duration::from_secs(2);

/// Listens besides the run, from now on to the end of the process.
pub(crate) fn listen_for_it() -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    // Nobody waits for it: if it comes to speak, it ends the process, as a crash would.
    thread::spawn(move || {
        runtime.block_on(async {
            let Ok(mut signals) = interrupts() else { return };
            if let Some(first) = signals.at_once().await {
                timeout(PATIENCE, pending::<()>()).await.ok();
                process::exit(exit::of_signal(first).into());
            }
        });
    });
    Ok(())
}
