//! The thread that sends. Every attempt in flight is a task on it.
//!
//! It is a thread of its own so that replies are read whatever the engine's task is busy with: a reply that arrived in
//! time but was read too late would count as missing.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{Id, JoinError, JoinSet};
use tracing::Span;

use super::clock::Clock;
use crate::engine::{AttemptId, Now};
use crate::transport::{Failure, Reply, Request, Transport};

/// Number of tasks that are polled between two checks for events of the sockets.
///
/// With tokio's default of 61, a connection that the server has closed, or on which unrequested bytes are waiting,
/// could still be written to: the attempt would be in doubt, or would take those bytes for its reply. With 1, the task
/// of a connection begins a request only right after a check, and hyper uses another connection, because nothing was
/// written.
const TASKS_BETWEEN_EVENTS: u32 = 1;

/// Attempts to send together.
type Group = Vec<(AttemptId, Request)>;

/// The end of an attempt.
pub(crate) type End = (AttemptId, Result<Reply, Failure>);

/// Passes attempts to the thread that sends, and receives their ends. Dropping it cuts off attempts in flight.
#[derive(Debug)]
pub(crate) struct Sender {
    /// `None` once ends are no longer awaited.
    groups: Option<mpsc::Sender<Group>>,
    ends: mpsc::Receiver<Vec<End>>,
    clock: Clock,
    thread: Option<JoinHandle<()>>,
}

impl Sender {
    /// Starts a thread that sends at most `concurrency` requests at a time through `transport`.
    ///
    /// # Errors
    ///
    /// If the system provides no thread, or no way to wait for sockets.
    pub(crate) async fn start<T: Transport>(transport: T, concurrency: u32, clock: Clock) -> io::Result<Self> {
        // A group has at least one attempt, so there are at most `concurrency` groups, and both channels always have
        // room.
        let room = concurrency as usize;
        let (groups, to_send) = mpsc::channel(room);
        let (ended, ends) = mpsc::channel(room);
        let (ready, is_ready) = oneshot::channel();
        let span = Span::current();
        let thread = thread::Builder::new().spawn(move || {
            let runtime = match Builder::new_current_thread().enable_all().event_interval(TASKS_BETWEEN_EVENTS).build()
            {
                Ok(runtime) => runtime,
                // The receiver is gone only if the run is.
                Err(error) => return drop(ready.send(Err(error))),
            };
            if ready.send(Ok(())).is_ok() {
                span.in_scope(|| runtime.block_on(send_all(transport, to_send, ended)));
            }
            // A name resolution in progress is not awaited.
            runtime.shutdown_background();
        })?;
        is_ready.await.unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()))?;
        Ok(Self { groups: Some(groups), ends, clock, thread: Some(thread) })
    }

    /// Sends a group of attempts.
    pub(crate) fn send(&self, group: impl Iterator<Item = (AttemptId, Request)>) {
        if let Some(groups) = &self.groups
            && let Err(error) = groups.try_send(group.collect())
        {
            // The thread has panicked: `ended` returns `None`.
            tracing::error!(%error, "the sending thread ended unexpectedly");
        }
    }

    /// Waits for the ends of attempts; returns them with the time, or `None` if the thread has panicked and no more
    /// will come. Cancel-safe.
    pub(crate) async fn ended(&mut self) -> Option<(Vec<End>, Now)> {
        if self.groups.is_none() {
            return std::future::pending().await;
        }
        let ends = self.ends.recv().await?;
        Some(self.timed(ends))
    }

    /// Returns ends that have arrived already, with the time.
    pub(crate) fn ended_already(&mut self) -> Option<(Vec<End>, Now)> {
        let ends = self.ends.try_recv().ok()?;
        Some(self.timed(ends))
    }

    /// Reads the time after the ends were received. The thread does not wait, so an earlier time would free slots
    /// sooner than one window after the replies.
    fn timed(&self, ends: Vec<End>) -> (Vec<End>, Now) {
        (ends, self.clock.now())
    }

    /// Stops waiting for ends.
    pub(crate) fn abandon(&mut self) {
        self.groups = None;
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.abandon();
        self.ends.close();
        // Nothing is sent after this is dropped. The thread ends soon, because no transport blocks.
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the sending thread has panicked");
        }
    }
}

async fn send_all<T: Transport>(transport: T, mut groups: mpsc::Receiver<Group>, ended: mpsc::Sender<Vec<End>>) {
    let transport = Arc::new(transport);
    let mut attempts = Attempts::default();
    loop {
        tokio::select! {
            // In this order, so that the end of the run has priority.
            biased;
            group = groups.recv() => {
                let Some(group) = group else { break };
                for (attempt, request) in group {
                    let transport = Arc::clone(&transport);
                    attempts.start(attempt, async move { transport.send(request).await });
                }
            }
            Some(end) = attempts.next() => {
                // Collects all ends available, so that the engine decides with all of them.
                let ends = std::iter::once(end).chain(std::iter::from_fn(|| attempts.try_next())).collect();
                if ended.send(ends).await.is_err() {
                    break;
                }
            }
        }
    }
    attempts.tasks.shutdown().await;
}

/// Attempts in flight, each a task of its own, so that one that panics is recorded like any attempt without a reply.
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

    /// Returns the next attempt to end, or `None` if none is in flight. Cancel-safe.
    async fn next(&mut self) -> Option<End> {
        let joined = self.tasks.join_next_with_id().await?;
        Some(self.ended(joined))
    }

    /// Returns an attempt that has ended already.
    fn try_next(&mut self) -> Option<End> {
        let joined = self.tasks.try_join_next_with_id()?;
        Some(self.ended(joined))
    }

    fn ended(&mut self, joined: Result<(Id, Result<Reply, Failure>), JoinError>) -> End {
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

    /// Lets the later request be answered.
    static LATER: tokio::sync::Notify = tokio::sync::Notify::const_new();

    /// Reports what happens to a request, as its body says.
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
                b"later" => {
                    LATER.notified().await;
                    Ok(Reply::new(200, "{}"))
                }
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

    async fn sent(bodies: &[&'static str]) -> (Sender, Receiver<&'static str>) {
        let (tell, told) = sync_channel(9);
        let sender = Sender::start(Told(tell), 9, Clock::start()).await.unwrap();
        sender.send((0..).map(AttemptId).zip(bodies.iter().map(|body| Request::post(*body))));
        (sender, told)
    }

    #[tokio::test]
    async fn replies_are_read_while_the_engine_is_kept_from_asking_for_them() {
        let (_outbox, told) = sent(&["", ""]).await;
        // This thread stands for the engine's. It only waits, as if stopped by a terminal.
        assert_eq!([told.recv_timeout(AT_MOST), told.recv_timeout(AT_MOST)], [Ok("answered"); 2]);
    }

    #[tokio::test]
    async fn no_end_is_timed_before_its_reply_however_long_it_was_waited_for() {
        let (mut sender, _told) = sent(&["later"]).await;
        let clock = sender.clock;
        let mut ended = std::pin::pin!(sender.ended());
        tokio::select! {
            biased;
            ended = &mut ended => panic!("{ended:?}"),
            () = tokio::task::yield_now() => {}
        }
        let before = clock.now().elapsed;
        LATER.notify_one();
        let (_, at) = ended.await.unwrap();
        assert!(at.elapsed >= before, "{at:?} is before {before:?}");
    }

    #[tokio::test]
    async fn an_attempt_that_panics_has_no_reply_and_the_others_have_theirs() {
        let (mut sender, _told) = sent(&["", "panic", ""]).await;
        let mut ended = Vec::new();
        while ended.len() < 3 {
            ended.extend(sender.ended().await.unwrap().0);
        }
        ended.sort_by_key(|(attempt, _)| attempt.0);
        let replied: Vec<bool> = ended.iter().map(|(_, result)| result.is_ok()).collect();
        assert_eq!(replied, [true, false, true]);
        assert!(matches!(&ended[1].1, Err(Failure::NoReply(_))), "it may have arrived");
    }

    #[tokio::test]
    async fn what_is_under_way_is_cut_off_before_a_drop_returns() {
        let (sender, told) = sent(&["wait"]).await;
        assert_eq!(told.recv_timeout(AT_MOST), Ok("waits"));
        drop(sender);
        assert_eq!(told.try_recv(), Ok("gone"));
    }

    #[tokio::test]
    async fn what_was_abandoned_is_not_heard_of_nor_what_comes_after() {
        let (mut sender, told) = sent(&["wait"]).await;
        assert_eq!(told.recv_timeout(AT_MOST), Ok("waits"));
        sender.abandon();
        assert_eq!(told.recv_timeout(AT_MOST), Ok("gone"));
        sender.send([(AttemptId(1), Request::post(""))].into_iter());
        tokio::select! {
            biased;
            ended = sender.ended() => panic!("{ended:?}"),
            () = tokio::task::yield_now() => {}
        }
        drop(sender);
        assert_eq!(told.try_recv().ok(), None, "sent after all");
    }
}
