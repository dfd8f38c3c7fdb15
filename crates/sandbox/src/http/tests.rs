use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::{Fault, FaultRule, MAX_BODY_BYTES, When};

const NOTE: &str =
    r#"{"TextPart":"n","ActivityType":"CreateInternalNote","StorageType":"Permament","RelatedTicketId":143}"#;
const CREATED: &str = r#"{"Message":"Activity Created","RelatedTicketId":"143","RelatedOrgId":"22824","RelatedChannelMonitoringRequestId":0}"#;

fn at_once() -> Settings {
    Settings { latency: Duration::ZERO..=Duration::ZERO, ..Settings::default() }
}

async fn serve(settings: Settings) -> (Server, TcpStream) {
    let server = Server::start((Ipv4Addr::LOCALHOST, 0).into(), settings).await.unwrap();
    let stream = TcpStream::connect(server.address()).await.unwrap();
    (server, stream)
}

async fn serve_with(fault: Fault) -> (Server, TcpStream) {
    serve(Settings { faults: vec![FaultRule { fault, when: When::Probability(1.0) }], ..at_once() }).await
}

async fn post(stream: &mut TcpStream, body: &str) {
    let head = format!(
        "POST /api/tenants/1/internalnote/upload HTTP/1.1\r\nHost: localhost\r\nX-LSQ-ACCESS-KEY: a$k\r\nX-LSQ-SECRET-KEY: s\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
}

/// Reads one complete reply, by its stated length.
async fn reply(stream: &mut TcpStream) -> (String, String) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let mut body = vec![0; content_length(&head)];
    stream.read_exact(&mut body).await.unwrap();
    (head, String::from_utf8(body).unwrap())
}

fn content_length(head: &str) -> usize {
    let line = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    line.expect(head).parse().unwrap()
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    rest
}

#[tokio::test]
async fn two_notes_are_created_over_one_connection() {
    let (server, mut stream) = serve(at_once()).await;
    for _ in 0..2 {
        post(&mut stream, NOTE).await;
        let (head, body) = reply(&mut stream).await;
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains("content-type: application/json\r\n"), "{head}");
        assert_eq!(body, CREATED);
    }
    assert_eq!(server.model().notes().len(), 2);
}

#[tokio::test]
async fn a_reply_with_a_latency_comes_too() {
    let (_server, mut stream) =
        serve(Settings { latency: Duration::from_millis(1)..=Duration::from_millis(2), ..Settings::default() }).await;
    post(&mut stream, NOTE).await;
    assert_eq!(reply(&mut stream).await.1, CREATED);
}

#[tokio::test]
async fn a_reply_cut_short_promises_its_body_and_breaks_off_in_the_middle() {
    let (server, mut stream) = serve_with(Fault::CutShort).await;
    post(&mut stream, NOTE).await;
    let received = rest(&mut stream).await;
    let (head, body) = received.split_once("\r\n\r\n").unwrap();
    assert_eq!(content_length(head), CREATED.len());
    assert_eq!(body, &CREATED[..CREATED.len() / 2]);
    assert_eq!(server.model().notes().len(), 1);
}

#[tokio::test]
async fn a_closed_connection_carries_no_byte_of_a_reply() {
    for (fault, notes) in [(Fault::Reset, 1), (Fault::ResetLost, 0)] {
        let (server, mut stream) = serve_with(fault).await;
        post(&mut stream, NOTE).await;
        assert_eq!(rest(&mut stream).await, "");
        let report = server.model().report();
        assert_eq!((report.requests, report.notes), (1, notes), "{fault}");
    }
}

#[tokio::test]
async fn a_silent_connection_ends_with_the_server_and_not_before_its_request_is_counted() {
    let (server, mut stream) = serve_with(Fault::Silence).await;
    post(&mut stream, NOTE).await;
    until(|| !server.model().notes().is_empty()).await;
    server.shutdown().await;
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn a_request_arrives_though_its_client_went_away() {
    let latency = Duration::from_millis(50)..=Duration::from_millis(50);
    let with_seed = |seed| Settings { latency: latency.clone(), seed, ..Settings::default() };
    // A seed whose request is in transit for longer than its client stays connected.
    let is_long = |settings: &Settings| Model::new(settings.clone()).journey().out > Duration::from_millis(40);
    let settings = (0..).map(with_seed).find(is_long).unwrap();
    let (server, mut stream) = serve(settings).await;
    post(&mut stream, NOTE).await;
    drop(stream);
    until(|| !server.model().notes().is_empty()).await;
    assert_eq!(server.model().arrivals().len(), 1);
}

#[tokio::test]
async fn the_report_is_answered_and_not_counted() {
    let (_server, mut stream) = serve(at_once()).await;
    post(&mut stream, NOTE).await;
    reply(&mut stream).await;
    for _ in 0..2 {
        stream.write_all(b"GET /sandbox/report HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let (_, body) = reply(&mut stream).await;
        assert!(body.starts_with(r#"{"requests":1,"#), "{body}");
    }
}

#[tokio::test]
async fn keys_are_taken_from_their_headers_as_they_stand() {
    let settings = Settings { access_key: Some("a$k".to_owned()), secret_key: Some("s".to_owned()), ..at_once() };
    let (_server, mut stream) = serve(settings).await;
    post(&mut stream, NOTE).await;
    assert_eq!(reply(&mut stream).await.1, CREATED);
}

#[tokio::test]
async fn a_body_over_the_bound_is_refused_and_counted() {
    let (server, mut stream) = serve(at_once()).await;
    post(&mut stream, &"x".repeat(MAX_BODY_BYTES + 1)).await;
    assert!(reply(&mut stream).await.0.starts_with("HTTP/1.1 413 "));
    assert_eq!(server.model().arrivals().len(), 1);
}

#[tokio::test]
async fn a_date_that_a_fault_gives_stands_alone() {
    let (_server, mut stream) = serve_with(Fault::LimitedDate).await;
    post(&mut stream, NOTE).await;
    let (head, _) = reply(&mut stream).await;
    assert_eq!(head.matches("\r\ndate: ").count(), 1, "{head}");
}

#[tokio::test]
async fn a_dropped_server_ends_its_connections() {
    let (server, mut stream) = serve(at_once()).await;
    post(&mut stream, NOTE).await;
    reply(&mut stream).await;
    drop(server);
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn the_url_names_an_address_that_can_be_reached() {
    let server = Server::start((Ipv4Addr::UNSPECIFIED, 0).into(), at_once()).await.unwrap();
    let port = server.address().port();
    assert_eq!(server.url(), format!("http://127.0.0.1:{port}/api/tenants/1/internalnote/upload"));
}

/// Lets the server run until the condition is true.
async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        tokio::task::yield_now().await;
    }
}
