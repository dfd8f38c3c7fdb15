//! Ending a run before its time: the first signal asks it to end well, a second, deliberate one ends it at once.

use tokio::sync::mpsc;

use super::clock::Clock;
use crate::driver::{Asked, Interrupt, Interruption, SIGHUP, SIGINT, SIGTERM};

/// Where a run hears that it is to end.
///
/// After the first signal nothing new is sent, what is in flight is awaited for the settings' grace and recorded, and
/// rows are left to do. Another one that comes [a second](crate::driver::DELIBERATE_AFTER) after it or later ends the
/// run at once, as a crash would: rows in flight are left in doubt. One that comes sooner changes nothing.
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
    /// use batchpost::runtime::Interrupts;
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

    /// The next signal, for work other than posting. None: no more will come.
    pub async fn recv(&mut self) -> Option<Interrupt> {
        self.0.recv().await
    }

    /// Waits for the signal that ends a run at once; gives the first of those before it. None: there will be none.
    pub async fn at_once(&mut self) -> Option<Interrupt> {
        let clock = Clock::start();
        let mut interruption = Interruption::default();
        loop {
            let signal = self.recv().await?;
            if interruption.on_signal(signal, clock.now().elapsed) == Asked::AtOnce {
                return interruption.first();
            }
        }
    }
}

impl Canceller {
    /// Asks the run to end: well at first, at once if it was asked before, a second ago or longer. Of a run that has
    /// ended nothing is asked.
    pub fn cancel(&self) {
        // Full: it has not come to hear of the last two. Closed: it has ended.
        self.0.try_send(Interrupt(SIGINT)).ok();
    }
}

/// A file has grown to the bound that was set for it.
#[cfg(unix)]
const SIGXFSZ: i32 = 25;

/// Listens for Ctrl-C, SIGTERM and SIGHUP from now on. The task ends with the receiver.
///
/// A SIGHUP that this process was started to ignore, as by nohup, stays ignored.
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
            loop {
                let interrupt = tokio::select! {
                    biased;
                    Some(()) = term.recv() => Interrupt(SIGTERM),
                    Some(()) = int.recv() => Interrupt(SIGINT),
                    Some(()) = heard(&mut hang_up) => Interrupt(SIGHUP),
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

/// The next signal of one that may not be listened for.
#[cfg(unix)]
async fn heard(signal: &mut Option<tokio::signal::unix::Signal>) -> Option<()> {
    match signal {
        Some(signal) => signal.recv().await,
        None => std::future::pending().await,
    }
}
