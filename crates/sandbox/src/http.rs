//! The model on a real socket.
//!
//! One task accepts connections and owns one task per connection; they end with the [`Server`]. Only this
//! module and [`connection`] read the clock and sleep; the model makes all decisions.

mod connection;
mod reply;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use crate::{Api, Fate, Journey, Model, Received, Settings};

/// The delay after a failed accept. Most often no file descriptor is left, and one must be closed first.
const ACCEPT_REST: Duration = Duration::from_millis(10);

/// A listening [`Model`]. Dropping it stops it; [`Server::shutdown`] also waits until it has stopped.
///
/// Besides the API it answers `GET /sandbox/report` with the [`Report`](crate::Report) as JSON, immediately
/// and uncounted.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    api: Api,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
    /// Dropping this stops the task, so dropping the server does too.
    stop: oneshot::Sender<()>,
}

/// The state shared by all connections.
#[derive(Debug)]
struct Shared {
    began: Instant,
    /// A std mutex: it is locked for one call of the model, never across an await.
    model: Mutex<Model>,
}

impl Server {
    /// Listens on `address`, whose port may be 0, and serves until it is dropped or shut down.
    ///
    /// # Errors
    ///
    /// If the server cannot listen on the address.
    pub async fn start(address: SocketAddr, settings: Settings) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let (address, api) = (listener.local_addr()?, settings.api);
        let shared = Arc::new(Shared { began: instant_now(), model: Mutex::new(Model::new(settings)) });
        let (stop, stopped) = oneshot::channel();
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared), stopped));
        Ok(Self { address, api, shared, accepting, stop })
    }

    /// The whole URL to post notes to, of tenant 1; for Freshdesk, the base URL of its API.
    pub fn url(&self) -> String {
        let host = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        let path = match self.api {
            Api::LeadSquared => "api/tenants/1/internalnote/upload",
            Api::Freshdesk => "",
        };
        format!("http://{}/{path}", SocketAddr::new(host, self.address.port()))
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Locks the model, to inspect what arrived. Requests wait while it is locked, so keep the lock briefly
    /// and never across an await. Locking it twice in one statement deadlocks.
    pub fn model(&self) -> MutexGuard<'_, Model> {
        self.shared.model()
    }

    /// Stops accepting and ends every connection, answered or not. Requests in transit never arrive.
    pub async fn shutdown(self) {
        let Self { accepting, stop, .. } = self;
        drop(stop);
        if let Err(error) = accepting.await
            && error.is_panic()
        {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

impl Shared {
    fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().expect("nobody panics while holding the model")
    }

    fn journey(&self) -> Journey {
        self.model().journey()
    }

    fn receive(&self, request: &Received<'_>) -> Fate {
        let mut model = self.model();
        // Read the clock under the lock, so that times are in the order of the calls.
        let at = instant_now().duration_since(self.began);
        model.receive(at, wall_now(), request)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, mut stopped: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            _ = &mut stopped => break,
            Some(ended) = connections.join_next() => ended.expect("a connection ends without panicking"),
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection::serve(stream, Arc::clone(&shared)));
                }
                Err(_) => sleep(ACCEPT_REST).await,
            },
        }
    }
    drop(listener);
    connections.shutdown().await;
}

#[expect(clippy::disallowed_methods, reason = "the model takes its time as an argument; this is where it comes from")]
fn instant_now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "the model takes the date as an argument; this is where it comes from")]
fn wall_now() -> SystemTime {
    SystemTime::now()
}

#[expect(clippy::disallowed_methods, reason = "requests and replies take their time, as they would on a network")]
async fn sleep(duration: Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}
