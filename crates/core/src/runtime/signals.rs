//! Interrupts a run: the first signal ends it gracefully, a second, deliberate one ends it at once.

use tokio::sync::mpsc;

use super::clock::Clock;
use crate::driver::{Asked, Interrupt, Interruption, SIGHUP, SIGINT, SIGTERM};

/// Receives the signals that ask a run to end.
///
/// After the first signal nothing new is sent. Attempts in flight are awaited for the grace period of the settings and
/// recorded, and the remaining rows stay to do. Another signal that comes [a second](crate::driver::DELIBERATE_AFTER)
/// or more after the first ends the run at once, like a crash: rows in flight are left in doubt. A signal that comes
/// sooner has no effect.
#[derive(Debug)]
pub struct Interrupts(mpsc::Receiver<Interrupt>);

/// Asks a run to end.
#[derive(Debug, Clone)]
pub struct Canceller(mpsc::Sender<Interrupt>);

impl Interrupts {
    /// No signals.
    pub fn never() -> Self {
        Self(mpsc::channel(1).1)
    }

    /// Signals from the program itself, through the canceller.
    ///
    /// ```
    /// use batchpost::runtime::Interrupts;
    ///
    /// let (canceller, interrupts) = Interrupts::by_hand();
    /// // Pass `interrupts` to `Prepared::post`, and the canceller to a button, a time-out or another task.
    /// canceller.cancel();
    /// # drop(interrupts);
    /// ```
    pub fn by_hand() -> (Canceller, Self) {
        let (sender, receiver) = mpsc::channel(2);
        (Canceller(sender), Self(receiver))
    }

    /// Receives the next signal, for work other than posting; `None` if no more will come.
    pub async fn recv(&mut self) -> Option<Interrupt> {
        self.0.recv().await
    }

    /// Waits for the signal that ends a run at once, and returns the first signal received; `None` if there will be
    /// none.
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
    /// Asks the run to end: gracefully the first time, at once if the first time was a second ago or longer. Has no
    /// effect after the run has ended.
    pub fn cancel(&self) {
        // Full: the run has not received the last two yet. Closed: the run has ended.
        self.0.try_send(Interrupt(SIGINT)).ok();
    }
}

/// Sent when a file reaches its maximum size.
#[cfg(unix)]
const SIGXFSZ: i32 = 25;

/// Listens for Ctrl-C, SIGTERM and SIGHUP from now on. The task ends with the receiver.
///
/// If this process was started to ignore SIGHUP, as by nohup, SIGHUP stays ignored.
///
/// # Errors
///
/// If the system does not allow listening for signals.
pub fn interrupts() -> std::io::Result<Interrupts> {
    let (sender, receiver) = mpsc::channel(2);
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut int = signal(SignalKind::interrupt())?;
        let mut term = signal(SignalKind::terminate())?;
        // A listener would stop it from being ignored.
        let mut hang_up = if super::platform::ignores_hang_up() { None } else { Some(signal(SignalKind::hangup())?) };
        // Received but not acted on: a write beyond the maximum file size then fails like one to a full disk. Without a
        // listener the signal would end the process.
        let file_size = signal(SignalKind::from_raw(SIGXFSZ))?;
        tokio::spawn(async move {
            let _kept = file_size;
            loop {
                let interrupt = tokio::select! {
                    biased;
                    Some(()) = term.recv() => Interrupt(SIGTERM),
                    Some(()) = int.recv() => Interrupt(SIGINT),
                    Some(()) = next_signal(&mut hang_up) => Interrupt(SIGHUP),
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

/// Receives the next signal, or waits forever without a listener.
#[cfg(unix)]
async fn next_signal(signal: &mut Option<tokio::signal::unix::Signal>) -> Option<()> {
    match signal {
        Some(signal) => signal.recv().await,
        None => std::future::pending().await,
    }
}
