//! One connection, from its first request to its end.

use std::future;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::reply::{self, Reply};
use super::{Shared, instant_now, sleep};
use crate::{Answer, Fate, MAX_BODY_BYTES, Received};

const REPORT: &str = "/sandbox/report";

/// The connection ends here, without a reply.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("the connection is closed without a reply")]
    Closed,
    #[error("the request was cut short")]
    Request(#[from] hyper::Error),
}

/// A request that was sent and not counted yet.
struct OnItsWay {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
    arrives: Instant,
}

/// The one request of a connection that may be in transit.
type Travelling = Mutex<Option<OnItsWay>>;

/// Serves until either side closes the connection.
///
/// A request whose client disconnects while it is in transit still arrives, as on a network, and uses a slot
/// of the window.
pub(super) async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    // A failure means that the peer is gone; the next read fails too.
    stream.set_nodelay(true).ok();
    let travelling = Travelling::default();
    let service = service_fn(|request| answer(request, &shared, &travelling));
    // A connection that a fault or the peer cuts off ends with an error, which nobody needs.
    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();

    let abandoned = lock(&travelling).take();
    if let Some(request) = abandoned {
        sleep(request.arrives.saturating_duration_since(instant_now())).await;
        shared.receive(&request.received());
    }
}

async fn answer(request: Request<Incoming>, shared: &Shared, travelling: &Travelling) -> Result<Reply, Ended> {
    if request.method() == Method::GET && request.uri().path() == REPORT {
        return Ok(reply::whole(report(shared)));
    }
    let (head, body) = request.into_parts();
    let body = read(body).await?;
    let journey = shared.journey();
    let arrives = instant_now() + journey.out;
    let request = OnItsWay { method: head.method, uri: head.uri, headers: head.headers, body, arrives };
    let fate = travel(request, journey.out, shared, travelling).await;
    sleep(journey.back).await;
    match fate {
        Fate::Reply(answer) => Ok(reply::whole(answer)),
        Fate::CutShort(answer) => Ok(reply::cut_short(answer)),
        Fate::Closed => Err(Ended::Closed),
        Fate::Silence => future::pending().await,
    }
}

/// Cancel-safe: a request dropped in transit stays in `travelling`.
async fn travel(request: OnItsWay, out: Duration, shared: &Shared, travelling: &Travelling) -> Fate {
    if out.is_zero() {
        return shared.receive(&request.received());
    }
    *lock(travelling) = Some(request);
    sleep(out).await;
    let request = lock(travelling).take().expect("a connection has one request at a time");
    shared.receive(&request.received())
}

impl OnItsWay {
    fn received(&self) -> Received<'_> {
        let header = |name| self.headers.get(name).map(HeaderValue::as_bytes).and_then(|key| str::from_utf8(key).ok());
        Received {
            method: self.method.as_str(),
            path: self.uri.path(),
            access_key: header("x-lsq-access-key"),
            secret_key: header("x-lsq-secret-key"),
            authorization: header("authorization"),
            body: &self.body,
        }
    }
}

/// Reads the body, or enough of it to see that it is too long.
async fn read(mut body: Incoming) -> Result<Bytes, hyper::Error> {
    let mut read = BytesMut::new();
    while read.len() <= MAX_BODY_BYTES
        && let Some(frame) = body.frame().await
    {
        if let Ok(chunk) = frame?.into_data() {
            read.extend_from_slice(&chunk);
        }
    }
    Ok(read.freeze())
}

fn report(shared: &Shared) -> Answer {
    let report = shared.model().report();
    let body = serde_json::to_string(&report).expect("a struct of numbers is JSON");
    Answer { status: 200, headers: vec![("content-type", "application/json".to_owned())], body }
}

fn lock(travelling: &Travelling) -> MutexGuard<'_, Option<OnItsWay>> {
    travelling.lock().expect("nobody panics while holding it")
}
