//! Ending a run before its time: the first word asks it to end well, the second ends it at once.

use tokio::sync::mpsc;

/// Somebody asks the run to end. The number is the signal's; [`Canceller`] gives that of Ctrl-C.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interrupt(pub u8);

/// Where a run hears that it is to end.
///
/// After the first word nothing new is sent, what is in flight is awaited for the settings' grace and recorded, and rows
/// are left to do. A second one ends it at once, as a crash would: rows in flight are left in doubt.
#[derive(Debug)]
pub struct Interrupts(mpsc::Receiver<Interrupt>);

/// Asks a run to end.
#[derive(Debug, Clone)]
pub struct Canceller(mpsc::Sender<Interrupt>);

impl Interrupts {
    /// Nobody asks.
    pub fn never() -> Self {
        Self(mpsc::channel(1).1)
    }

    /// The program asks, by the canceller.
    ///
    /// ```
    /// use batchpost::shell::Interrupts;
    ///
    /// let (canceller, interrupts) = Interrupts::by_hand();
    /// // `interrupts` goes to `Prepared::post`; the canceller to a button, a time-out, another task.
    /// canceller.cancel();
    /// # drop(interrupts);
    /// ```
    pub fn by_hand() -> (Canceller, Self) {
        let (sender, receiver) = mpsc::channel(2);
        (Canceller(sender), Self(receiver))
    }

    /// The next word, for whoever does something else than post. None: there will be none.
    pub async fn recv(&mut self) -> Option<Interrupt> {
        self.0.recv().await
    }
}

impl Canceller {
    /// Asks the run to end: well at first, at once if it was asked before. Of a run that has ended nothing is asked.
    pub fn cancel(&self) {
        // Full: it was asked twice already. Closed: it has ended.
        self.0.try_send(Interrupt(SIGINT)).ok();
    }
}

/// The terminal is gone: its window was closed, or the connection to it was lost. As Unix numbers it.
pub const SIGHUP: u8 = 1;
/// Ctrl-C, as Unix numbers it.
pub const SIGINT: u8 = 2;
/// The polite request to end, as Unix numbers it.
pub const SIGTERM: u8 = 15;

/// A file has grown to the bound that was set for it.
#[cfg(unix)]
const SIGXFSZ: i32 = 25;

/// Listens for Ctrl-C, SIGTERM and SIGHUP from now on. The task ends with the receiver.
///
/// A SIGHUP that this process was started to ignore, as by nohup, stays ignored. One is never a second word: a terminal
/// that goes away sends several, and systemd may send one after its SIGTERM.
///
/// # Errors
///
/// When the system does not let signals be listened for.
pub fn interrupts() -> std::io::Result<Interrupts> {
    let (sender, receiver) = mpsc::channel(2);
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut int = signal(SignalKind::interrupt())?;
        let mut term = signal(SignalKind::terminate())?;
        // A listener would end the ignoring.
        let mut hang_up =
            if super::platform::is_to_outlive_its_terminal() { None } else { Some(signal(SignalKind::hangup())?) };
        // Heard, and not obeyed: a write beyond the bound on a file's size then fails as one to a full disk does, and
        // is dealt with as such. Without a listener the signal would end the process.
        let file_size = signal(SignalKind::from_raw(SIGXFSZ))?;
        tokio::spawn(async move {
            let _kept = file_size;
            let mut asked = false;
            loop {
                let interrupt = tokio::select! {
                    biased;
                    Some(()) = term.recv() => Interrupt(SIGTERM),
                    Some(()) = int.recv() => Interrupt(SIGINT),
                    Some(()) = heard(&mut hang_up) => Interrupt(SIGHUP),
                    () = sender.closed() => return,
                };
                if asked && interrupt == Interrupt(SIGHUP) {
                    continue;
                }
                asked = true;
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
    Ok(Interrupts(receiver))
}

/// The next signal of one that may not be listened for.
#[cfg(unix)]
async fn heard(signal: &mut Option<tokio::signal::unix::Signal>) -> Option<()> {
    match signal {
        Some(signal) => signal.recv().await,
        None => std::future::pending().await,
    }
}
