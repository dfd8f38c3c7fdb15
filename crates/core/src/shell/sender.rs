//! The thread that sends: every attempt under way is a task on it.
//!
//! A thread of its own, because sending costs more than all else that a row takes together: without a limit the engine
//! decides about some rows while others are written to their sockets.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};

use crate::engine::AttemptId;
use crate::transport::{Failure, Reply, Request, Transport};

/// An attempt that has ended, and how.
pub(super) type Ended = (AttemptId, Result<Reply, Failure>);

/// Hands attempts to the sending thread, and hears how they ended. Dropped, it cuts off those under way.
#[derive(Debug)]
pub(super) struct Sender {
    /// What the next group is made of.
    group: Vec<(AttemptId, Request)>,
    /// None once nothing is waited for any longer.
    groups: Option<mpsc::Sender<Vec<(AttemptId, Request)>>>,
    ended: mpsc::Receiver<Vec<Ended>>,
    thread: Option<JoinHandle<()>>,
}

impl Sender {
    /// Starts a thread that sends at most `concurrency` requests at a time through `transport`.
    ///
    /// # Errors
    ///
    /// When the system has nothing left to wait for sockets with.
    pub(super) fn start<T: Transport>(transport: T, concurrency: u32) -> io::Result<Self> {
        // A group holds an attempt at least, so there are never more of them and both channels always have room.
        let room = concurrency.max(1) as usize;
        let (groups, to_send) = mpsc::channel(room);
        let (heard, ended) = mpsc::channel(room);
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::spawn(move || send_all(runtime, &Arc::new(transport), to_send, &heard));
        Ok(Self { group: Vec::new(), groups: Some(groups), ended, thread: Some(thread) })
    }

    /// Adds an attempt to the group that [`Sender::send`] sends.
    pub(super) fn add(&mut self, attempt: AttemptId, request: Request) {
        self.group.push((attempt, request));
    }

    /// Sends what was added.
    pub(super) fn send(&mut self) {
        if self.group.is_empty() {
            return;
        }
        if let Some(groups) = &self.groups
            && let Err(error) = groups.try_send(std::mem::take(&mut self.group))
        {
            tracing::error!(%error, "the sending thread is gone");
        }
    }

    /// The next attempts to end. Cancel-safe.
    ///
    /// # Panics
    ///
    /// When the thread has.
    pub(super) async fn ended(&mut self) -> Vec<Ended> {
        if self.groups.is_none() {
            return std::future::pending().await;
        }
        self.ended.recv().await.expect("the thread ends after this")
    }

    /// Attempts that have ended already.
    pub(super) fn ended_already(&mut self) -> Option<Vec<Ended>> {
        self.ended.try_recv().ok()
    }

    /// Waits for none of them any longer.
    pub(super) fn abandon(&mut self) {
        self.groups = None;
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.abandon();
        self.ended.close();
        // It has only to notice: nothing is sent any more when this is gone.
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the sending thread has panicked");
        }
    }
}

fn send_all<T: Transport>(
    runtime: Runtime,
    transport: &Arc<T>,
    mut groups: mpsc::Receiver<Vec<(AttemptId, Request)>>,
    heard: &mpsc::Sender<Vec<Ended>>,
) {
    runtime.block_on(async {
        let mut attempts = Attempts::default();
        loop {
            tokio::select! {
                // In this order: the end comes before all else.
                biased;
                group = groups.recv() => {
                    let Some(group) = group else { return };
                    for (attempt, request) in group {
                        let transport = Arc::clone(transport);
                        attempts.start(attempt, async move { transport.send(request).await });
                    }
                }
                Some(ended) = attempts.next() => {
                    // All that is there, so that the engine decides with all of it.
                    let ended = std::iter::once(ended).chain(std::iter::from_fn(|| attempts.try_next())).collect();
                    if heard.send(ended).await.is_err() {
                        return;
                    }
                }
            }
        }
    });
    // A name that is still being resolved is not waited for.
    runtime.shutdown_background();
}

/// Attempts under way, each a task of its own, so that one that panics is recorded like any that got no reply.
#[derive(Debug, Default)]
struct Attempts {
    tasks: JoinSet<Result<Reply, Failure>>,
    ids: HashMap<Id, AttemptId>,
}

impl Attempts {
    fn start(&mut self, attempt: AttemptId, send: impl Future<Output = Result<Reply, Failure>> + Send + 'static) {
        let task = self.tasks.spawn(send);
        self.ids.insert(task.id(), attempt);
    }

    /// The next attempt to end; none when none is under way. Cancel-safe.
    async fn next(&mut self) -> Option<Ended> {
        let joined = self.tasks.join_next_with_id().await?;
        Some(self.ended(joined))
    }

    /// An attempt that has ended already.
    fn try_next(&mut self) -> Option<Ended> {
        let joined = self.tasks.try_join_next_with_id()?;
        Some(self.ended(joined))
    }

    fn ended(&mut self, joined: Result<(Id, Result<Reply, Failure>), JoinError>) -> Ended {
        let (task, result) = match joined {
            Ok((task, result)) => (task, result),
            Err(error) => (error.id(), Err(Failure::NoReply("the attempt was cut off on our side".to_owned()))),
        };
        (self.ids.remove(&task).expect("every task is an attempt's"), result)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
    use std::time::Duration;

    use super::*;

    /// Long enough for any thread to get its turn.
    const AT_MOST: Duration = Duration::from_secs(30);

    /// Says what happens to a request, as its body asks for.
    struct Told(SyncSender<&'static str>);

    struct Gone(SyncSender<&'static str>);

    impl Drop for Gone {
        fn drop(&mut self) {
            self.0.send("gone").unwrap();
        }
    }

    impl Transport for Told {
        async fn send(&self, request: Request) -> Result<Reply, Failure> {
            match &*request.body {
                b"panic" => panic!("as asked for"),
                b"wait" => {
                    let _gone = Gone(self.0.clone());
                    self.0.send("waits").unwrap();
                    std::future::pending().await
                }
                _ => {
                    self.0.send("answered").unwrap();
                    Ok(Reply::new(200, "{}"))
                }
            }
        }

        fn timeout(&self) -> Duration {
            AT_MOST
        }
    }

    fn sent(bodies: &[&'static str]) -> (Sender, Receiver<&'static str>) {
        let (tell, told) = sync_channel(9);
        let mut sender = Sender::start(Told(tell), 9).unwrap();
        for (attempt, body) in (0..).zip(bodies) {
            sender.add(AttemptId(attempt), Request::post(*body));
        }
        sender.send();
        (sender, told)
    }

    #[test]
    fn replies_are_read_while_the_engine_is_kept_from_asking_for_them() {
        let (_sender, told) = sent(&["", ""]);
        // This thread, which stands for the engine's, does nothing but wait: for a terminal that was stopped, say.
        assert_eq!([told.recv_timeout(AT_MOST), told.recv_timeout(AT_MOST)], [Ok("answered"); 2]);
    }

    #[tokio::test]
    async fn an_attempt_that_panics_has_no_reply_and_the_others_have_theirs() {
        let (mut sender, _told) = sent(&["", "panic", ""]);
        let mut ended = Vec::new();
        while ended.len() < 3 {
            ended.extend(sender.ended().await);
        }
        ended.sort_by_key(|(attempt, _)| attempt.0);
        let replied: Vec<bool> = ended.iter().map(|(_, result)| result.is_ok()).collect();
        assert_eq!(replied, [true, false, true]);
        assert!(matches!(&ended[1].1, Err(Failure::NoReply(_))), "it may have arrived");
    }

    #[test]
    fn what_is_under_way_is_cut_off_before_a_drop_returns() {
        let (sender, told) = sent(&["wait"]);
        assert_eq!(told.recv_timeout(AT_MOST), Ok("waits"));
        drop(sender);
        assert_eq!(told.try_recv(), Ok("gone"));
    }
}
