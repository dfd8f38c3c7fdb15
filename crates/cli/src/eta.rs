//! The forecast of a run, as of its last computation.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use tracing::warn;

use crate::finish::Finish;

/// The forecast.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Eta {
    /// What is used of long windows.
    pub(crate) used: Vec<String>,
    /// How long it will take, and when it will be done, in words.
    pub(crate) left: Option<(Duration, String)>,
}

impl Eta {
    /// By `finish`, which counts where it is known how many rows there are.
    pub(crate) fn of(finish: &Finish, counts: bool) -> Self {
        Self { used: finish.used().collect(), left: counts.then(|| (finish.time(), finish.moment())) }
    }
}

/// Computes the forecast on a thread of its own: it reads from disk what the account has sent recently, and a disk that
/// hangs must not delay replies.
///
/// The thread only reads. At the run's end it is not joined: that would be waiting for the disk.
#[derive(Debug)]
pub(crate) struct EtaThread {
    questions: SyncSender<u64>,
    answers: Receiver<Eta>,
}

impl EtaThread {
    /// Starts a thread that computes the forecast for a number of rows with `look`.
    pub(crate) fn start(look: impl Fn(u64) -> Eta + Send + 'static) -> Self {
        let (questions, asked) = sync_channel(1);
        let (tell, answers) = sync_channel(1);
        let thread = thread::Builder::new().spawn(move || {
            for rows in asked {
                if tell.send(look(rows)).is_err() {
                    break;
                }
            }
        });
        if let Err(error) = thread {
            // There is no answer then.
            warn!(%error, "cannot start a thread for the forecast; the run continues without one");
        }
        Self { questions, answers }
    }

    /// Asks about `rows` rows, unless a question still waits.
    pub(crate) fn ask(&self, rows: u64) {
        self.questions.try_send(rows).ok();
    }

    /// What has been found out since this was last called.
    pub(crate) fn heard(&self) -> Option<Eta> {
        self.answers.try_iter().last()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_goes_on_while_the_disk_stands_still() {
        let (let_go, disk) = sync_channel(0);
        let of = |rows| Eta { used: vec![format!("{rows}")], left: None };
        let eta_thread = EtaThread::start(move |rows| {
            disk.recv().unwrap();
            of(rows)
        });
        for rows in 1..=9 {
            eta_thread.ask(rows);
            assert_eq!(eta_thread.heard(), None);
        }
        let_go.send(()).unwrap();
        assert_eq!(eta_thread.answers.recv().unwrap(), of(1));
    }
}
