//! Ctrl-C and SIGTERM: the first asks a run to end well, the second ends it at once.

use tokio::sync::mpsc;

/// Somebody asks the run to end. The number is the signal's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interrupt(pub u8);

/// Ctrl-C, as Unix numbers it.
pub const SIGINT: u8 = 2;
/// The polite request to end, as Unix numbers it.
pub const SIGTERM: u8 = 15;

/// A file has grown to the bound that was set for it.
#[cfg(unix)]
const SIGXFSZ: i32 = 25;

/// Listens for signals from now on. The task ends with the receiver.
///
/// # Errors
///
/// When the system does not let signals be listened for.
pub fn interrupts() -> std::io::Result<mpsc::Receiver<Interrupt>> {
    let (sender, receiver) = mpsc::channel(2);
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut int = signal(SignalKind::interrupt())?;
        let mut term = signal(SignalKind::terminate())?;
        // Heard, and not obeyed: a write beyond the bound on a file's size then fails as one to a full disk does, and
        // is dealt with as such. Without a listener the signal would end the process.
        let file_size = signal(SignalKind::from_raw(SIGXFSZ))?;
        tokio::spawn(async move {
            let _kept = file_size;
            loop {
                let interrupt = tokio::select! {
                    biased;
                    Some(()) = term.recv() => Interrupt(SIGTERM),
                    Some(()) = int.recv() => Interrupt(SIGINT),
                    () = sender.closed() => return,
                };
                if sender.send(interrupt).await.is_err() {
                    return;
                }
            }
        });
    }
    #[cfg(not(unix))]
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            if sender.send(Interrupt(SIGINT)).await.is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}
