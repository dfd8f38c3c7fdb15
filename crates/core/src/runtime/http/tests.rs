use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use super::*;
use crate::engine::AttemptId;
use crate::leadsquared::LeadSquared;
use crate::runtime::clock::Clock;
use crate::runtime::sender::Sender;

#[test]
fn a_proxys_password_is_not_in_what_is_printed_to_debug() {
    let proxy = Some("http://anna:s3cret@proxy:3128".to_owned());
    let printed = format!("{:?}", HttpOptions { proxy, ca_file: None });
    assert!(printed.contains("@proxy:3128") && !printed.contains("s3cret"), "{printed}");
}

/// Long enough for any thread to get its turn.
const AT_MOST: Duration = Duration::from_secs(30);

/// A server on loopback that calls `serve` for each connection, numbered from 0, until it returns `false`.
struct Server {
    url: String,
}

impl Server {
    fn start(mut serve: impl FnMut(usize, TcpStream) -> bool + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        thread::spawn(move || (0..).all(|at| serve(at, listener.accept().unwrap().0)));
        Self { url }
    }

    fn http(&self) -> Http {
        let endpoint = Endpoint::from_url(&self.url).unwrap();
        let keys = Credentials::new(&LeadSquared, &["access".into(), "secret".into()]).unwrap();
        Http::new(endpoint, keys, AT_MOST, &HttpOptions::default()).unwrap()
    }
}

/// Reads a whole request and returns its body.
fn request(stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line == "\r\n" {
            break;
        }
        if let Some(bytes) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = bytes.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    String::from_utf8(body).unwrap()
}

fn reply(mut stream: &TcpStream, body: &str) {
    let length = body.len();
    stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}").as_bytes()).unwrap();
}

/// Sends like `http`. Before the second request it waits for the server and blocks its thread meanwhile, so
/// the server acts between the thread's last check of its sockets and the request. For a request with the
/// name `wait` it only waits.
struct Waiting {
    http: Http,
    server: Mutex<Receiver<()>>,
}

impl Transport for Waiting {
    async fn send(&self, request: Request) -> Result<Reply, Failure> {
        if [&b"second"[..], b"wait"].contains(&&*request.body) {
            self.server.lock().unwrap().recv_timeout(AT_MOST).unwrap();
        }
        if &*request.body == b"wait" {
            return Ok(Reply::new(0, ""));
        }
        self.http.send(request).await
    }

    fn timeout(&self) -> Duration {
        AT_MOST
    }
}

/// Number of repetitions of a test that depends on task order.
const TIMES: usize = 10;

/// Returns the body of the reply to the second of two requests, or the failure. The server calls `between` on
/// the connection of the first request before the second is sent.
async fn second(between: impl FnOnce(TcpStream) -> Option<TcpStream> + Send + 'static) -> String {
    let (go, may_go) = channel();
    let (done, is_done) = channel();
    let mut between = Some(between);
    let mut kept = Vec::new();
    let server = Server::start(move |at, stream| {
        if at > 0 {
            assert_eq!(request(&stream), "second");
            reply(&stream, "of the second connection");
            return false;
        }
        assert_eq!(request(&stream), "first");
        reply(&stream, "of the first connection");
        may_go.recv_timeout(AT_MOST).unwrap();
        kept.extend(between.take().and_then(|between| between(stream)));
        done.send(()).unwrap();
        true
    });
    let waiting = Waiting { http: server.http(), server: Mutex::new(is_done) };
    let mut sender = Sender::start(waiting, 9, Clock::start()).await.unwrap();
    sender.send([(AttemptId(1), Request::post("first"))].into_iter());
    sender.ended().await.unwrap();
    sender.send([(AttemptId(2), Request::post("second"))].into_iter());
    go.send(()).unwrap();
    let (mut ends, _) = sender.ended().await.unwrap();
    match ends.remove(0).1 {
        Ok(reply) => String::from_utf8_lossy(&reply.body).into_owned(),
        Err(failure) => failure.to_string(),
    }
}

#[tokio::test]
async fn a_connection_that_was_closed_just_before_a_request_carries_none_of_it() {
    let close = |stream| {
        drop(stream);
        None
    };
    for _ in 0..TIMES {
        assert_eq!(second(close).await, "of the second connection");
    }
}

#[tokio::test]
async fn a_reply_that_nobody_asked_for_is_not_taken_for_the_next_requests() {
    let reply_again = |stream| {
        reply(&stream, "that nobody asked for");
        Some(stream)
    };
    for _ in 0..TIMES {
        assert_eq!(second(reply_again).await, "of the second connection");
    }
}

#[tokio::test]
async fn a_new_connection_that_ends_before_a_request_is_written_has_sent_nothing() {
    for greeting in ["", "SSH-2.0-OpenSSH_9.2\r\n"] {
        let (done, is_done) = channel();
        let mut kept = Vec::new();
        let server = Server::start(move |_, mut stream| {
            stream.write_all(greeting.as_bytes()).unwrap();
            kept.extend((!greeting.is_empty()).then_some(stream));
            done.send(()).unwrap();
            !kept.is_empty()
        });
        let waiting = Waiting { http: server.http(), server: Mutex::new(is_done) };
        let mut sender = Sender::start(waiting, 9, Clock::start()).await.unwrap();
        // The system has connected by the time the first task is blocked before it checks whether it is
        // connected.
        sender.send([(AttemptId(1), Request::post("note")), (AttemptId(2), Request::post("wait"))].into_iter());
        let mut ended = Vec::new();
        while ended.len() < 2 {
            ended.extend(sender.ended().await.unwrap().0);
        }
        let (_, note) = ended.into_iter().find(|(attempt, _)| attempt.0 == 1).unwrap();
        assert!(matches!(note, Err(Failure::Unsent(_))), "{greeting:?}: {note:?}");
    }
}

#[tokio::test]
async fn a_connection_that_ends_after_it_took_bytes_of_a_request_leaves_it_in_doubt() {
    for (reused, read) in [(true, true), (true, false), (false, true), (false, false)] {
        let server = Server::start(move |_, stream| {
            if reused {
                assert_eq!(request(&stream), "first");
                reply(&stream, "{}");
            }
            // The server's system accepts bytes that the server never reads.
            assert_eq!(stream.peek(&mut [0]).unwrap(), 1);
            if read {
                assert_eq!(request(&stream), "second");
            }
            false
        });
        let http = server.http();
        if reused {
            http.send(Request::post("first")).await.unwrap();
        }
        let failure = http.send(Request::post("second")).await.unwrap_err();
        assert!(matches!(failure, Failure::NoReply(_)), "{reused} {read}: {failure}");
    }
}

#[tokio::test]
async fn a_host_is_looked_up_and_one_that_is_not_there_was_sent_nothing() {
    let server = Server::start(|_, stream| {
        request(&stream);
        reply(&stream, "{}");
        false
    });
    let localhost = Server { url: server.url.replace("127.0.0.1", "localhost") };
    assert_eq!(&*localhost.http().send(Request::post("note")).await.unwrap().body, b"{}");
    let nowhere = Server { url: "https://no-such-host.invalid/".to_owned() };
    let failure = nowhere.http().send(Request::post("note")).await.unwrap_err();
    assert!(matches!(failure, Failure::Unsent(_)), "{failure}");
}

#[tokio::test]
async fn a_byte_order_mark_is_no_part_of_a_reply() {
    let server = Server::start(|_, stream| {
        request(&stream);
        reply(&stream, "\u{feff}{}");
        false
    });
    let reply = server.http().send(Request::post("note")).await.unwrap();
    assert_eq!(&*reply.body, b"{}");
}
