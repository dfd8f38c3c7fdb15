//! Resolves host names with the system's resolver, each on a thread of its own.
//!
//! The client's own resolver takes a thread from the runtime's pool, which panics if the system provides none. The
//! attempt would then be in doubt, although it is certain that nothing was sent.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::thread;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::oneshot;

/// The system's resolver.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // The client sets the port.
            let addresses: Addrs = Box::new(addresses(name.as_str().to_owned(), 0).await?.into_iter());
            Ok(addresses)
        })
    }
}

/// Returns the addresses of `host`. If the future is dropped, the thread continues, because the system call cannot be
/// cancelled.
///
/// # Errors
///
/// If the host has no addresses, or the system provides no thread.
pub(crate) async fn addresses(host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    let (tell, found) = oneshot::channel();
    thread::Builder::new().spawn(move || {
        let _nobody_waits_any_more = tell.send((host.as_str(), port).to_socket_addrs().map(Iterator::collect));
    })?;
    found.await.unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()))
}
