//! Host names to addresses, by the system's resolver, each on a thread of its own.
//!
//! The client's own resolver takes a thread from the runtime's pool, which panics where the system has none: the attempt
//! would be in doubt, of which it is certain that nothing was sent.

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
            // The client puts the port in.
            let addresses: Addrs = Box::new(addresses(name.as_str().to_owned(), 0).await?.into_iter());
            Ok(addresses)
        })
    }
}

/// The addresses of `host`. Dropped, the future leaves the thread to itself: the system cannot be told to stop.
///
/// # Errors
///
/// When it has none, or the system has no thread.
pub(crate) async fn addresses(host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    let (tell, found) = oneshot::channel();
    thread::Builder::new().spawn(move || {
        let _nobody_waits_any_more = tell.send((host.as_str(), port).to_socket_addrs().map(Iterator::collect));
    })?;
    found.await.unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()))
}
