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

/// Ctrl-C, as Unix numbers it.
pub const SIGINT: u8 = 2;
/// The polite request to end, as Unix numbers it.
pub const SIGTERM: u8 = 15;

/// A file has grown to the bound that was set for it.
#[cfg(unix)]
const SIGXFSZ: i32 = 25;

/// Listens for Ctrl-C and SIGTERM from now on. The task ends with the receiver.
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
    Ok(Interrupts(receiver))
}
