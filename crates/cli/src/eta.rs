//! The latest computed forecast of a run.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use tracing::warn;

use crate::finish::Finish;

/// The forecast.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Eta {
    /// The use of limits with long windows.
    pub(crate) used: Vec<String>,
    /// The remaining time, and the words for the moment it ends.
    pub(crate) left: Option<(Duration, String)>,
}

impl Eta {
    /// Converts `finish`. `counts` tells whether the number of rows is known, without which no time is given.
    pub(crate) fn of(finish: &Finish, counts: bool) -> Self {
        Self { used: finish.used().collect(), left: counts.then(|| (finish.time(), finish.moment())) }
    }
}

/// Computes the forecast on its own thread: it reads from disk what the account has sent recently, and a
/// hanging disk must not delay replies.
///
/// The thread only reads. It is not joined when the run ends, because that could wait for the disk.
#[derive(Debug)]
pub(crate) struct EtaThread {
    questions: SyncSender<u64>,
    answers: Receiver<Eta>,
}

impl EtaThread {
    /// Starts a thread that computes forecasts with `look`, given a number of rows.
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
            // Without the thread, no forecast arrives.
            warn!(%error, "cannot start a thread for the forecast; the run continues without a forecast");
        }
        Self { questions, answers }
    }

    /// Requests a forecast for `rows` rows, unless a request is already waiting.
    pub(crate) fn ask(&self, rows: u64) {
        self.questions.try_send(rows).ok();
    }

    /// Returns the newest forecast since the last call, if any.
    pub(crate) fn latest(&self) -> Option<Eta> {
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
            assert_eq!(eta_thread.latest(), None);
        }
        let_go.send(()).unwrap();
        assert_eq!(eta_thread.answers.recv().unwrap(), of(1));
    }
}
