//! Traces on the real binary: a collector of the test's own receives the whole trace of one event.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    missing_docs,
    reason = "tests of real processes, in real time"
)]

#[path = "support/server.rs"]
#[allow(dead_code, reason = "shared with the other process tests")]
mod server;

use serde_json::Value;
use server::{Server, operator_key};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;
use tidings::metrics::{Kind, TABLE};

const PATIENCE: Duration = Duration::from_secs(30);
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

/// Head and body of each request that comes; each is answered with that status.
fn listens(status: u16) -> (SocketAddr, Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = mpsc::sync_channel(64);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(request) = request(stream.unwrap(), status) else {
                continue;
            };
            if tell.send(request).is_err() {
                return;
            }
        }
    });
    (address, told)
}

fn request(stream: TcpStream, status: u16) -> std::io::Result<(String, String)> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.unwrap_or("0").parse().unwrap()];
    reader.read_exact(&mut body)?;
    write!(
        reader.get_mut(),
        "HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )?;
    Ok((head, String::from_utf8(body).unwrap()))
}

/// Posts an event as part of a trace.
fn post(server: &Server, traceparent: &str) {
    let body = r#"{"type":"project.updated","organization_id":1,"data":{"id":"1"}}"#;
    let mut stream = TcpStream::connect(server.address).unwrap();
    write!(
        stream,
        "POST /v1/events HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\ntraceparent: {traceparent}\r\n\r\n{body}",
        server.key,
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
}

/// A server with one endpoint at `receiver`, which tells `collector`.
fn traced(
    data: &std::path::Path,
    collector: &str,
    receiver: SocketAddr,
    more: &[(&str, &str)],
) -> Server {
    let mut environment = vec![
        ("TIDINGS_TELEMETRY_OTLP", collector),
        ("TIDINGS_TELEMETRY_OTLP_HEADERS", "x-key=from the vault"),
        ("TIDINGS_EGRESS_ALLOW", "127.0.0.1/32"),
    ];
    environment.extend(more);
    let server = Server::start_with(data, &operator_key(), &environment);
    server.organization(1);
    server.endpoint(1, &format!("http://{receiver}/"), &["project.updated"]);
    server
}

/// Spans until there is one of that name.
fn spans(collector: &Receiver<(String, String)>, last: &str) -> Vec<Value> {
    let mut all = Vec::new();
    while !all.iter().any(|span: &Value| span["name"] == last) {
        let (head, body) = collector.recv_timeout(PATIENCE).expect("spans");
        if head.starts_with("POST /otel/v1/metrics ") {
            continue;
        }
        assert!(
            head.starts_with("POST /otel/v1/traces HTTP/1.1\r\n"),
            "{head}"
        );
        assert!(head.contains("\r\nx-key: from the vault\r\n"), "{head}");
        let document: Value = serde_json::from_str(&body).unwrap();
        let of = &document["resourceSpans"][0];
        assert_eq!(
            of["resource"]["attributes"][0]["value"]["stringValue"],
            "tidings"
        );
        all.extend(of["scopeSpans"][0]["spans"].as_array().unwrap().clone());
    }
    all
}

fn named<'a>(spans: &'a [Value], name: &str) -> &'a Value {
    let mut found = spans.iter().filter(|span| span["name"] == name);
    let span = found
        .next()
        .unwrap_or_else(|| panic!("no span {name}: {spans:?}"));
    assert!(found.next().is_none(), "two of {name}");
    span
}

fn attribute<'a>(span: &'a Value, key: &str) -> &'a Value {
    let attributes = span["attributes"].as_array().unwrap();
    let found = attributes.iter().find(|attribute| attribute["key"] == key);
    &found.unwrap_or_else(|| panic!("no {key} in {span}"))["value"]
}

#[test]
fn a_collector_receives_the_whole_trace_of_one_event_and_the_receiver_takes_part() {
    let data = tempfile::tempdir().unwrap();
    let (collector, told) = listens(200);
    let (receiver, received) = listens(500);
    let more = [("TIDINGS_TELEMETRY_TRACEPARENT_TO_RECEIVERS", "true")];
    let server = traced(
        data.path(),
        &format!("http://{collector}/otel"),
        receiver,
        &more,
    );
    post(&server, &format!("00-{TRACE}-{SPAN}-01"));
    let (head, _) = received.recv_timeout(PATIENCE).expect("a request");
    let spans = spans(&told, "settle");
    assert!(
        spans.iter().all(|span| span["traceId"] == TRACE),
        "{spans:?}"
    );
    let accept = named(&spans, "accept");
    assert_eq!(
        (&accept["parentSpanId"], &accept["kind"]),
        (&SPAN.into(), &2.into())
    );
    let [store, send, settle] = ["store", "send", "settle"].map(|name| named(&spans, name));
    assert_eq!(store["parentSpanId"], accept["spanId"]);
    assert_eq!(send["parentSpanId"], accept["spanId"]);
    assert_eq!(settle["parentSpanId"], send["spanId"]);
    assert_eq!(attribute(send, "tidings.outcome")["stringValue"], "status");
    assert_eq!(
        attribute(send, "http.response.status_code")["intValue"],
        "500"
    );
    assert_eq!(send["status"]["code"], 2);
    for span in &spans {
        let nanos = |key: &str| span[key].as_str().unwrap().parse::<u64>().unwrap();
        assert!(
            nanos("startTimeUnixNano") <= nanos("endTimeUnixNano"),
            "{span}"
        );
    }
    let sent = send["spanId"].as_str().unwrap();
    assert!(
        head.contains(&format!("\r\ntraceparent: 00-{TRACE}-{sent}-01\r\n")),
        "{head}"
    );
}

#[test]
fn a_collector_gets_every_metric() {
    let data = tempfile::tempdir().unwrap();
    let (collector, told) = listens(200);
    let (receiver, _received) = listens(200);
    let _server = traced(data.path(), &format!("http://{collector}"), receiver, &[]);
    let (head, body) = told.recv_timeout(PATIENCE).expect("metrics");
    assert!(head.starts_with("POST /v1/metrics HTTP/1.1\r\n"), "{head}");
    let document: Value = serde_json::from_str(&body).unwrap();
    let metrics = &document["resourceMetrics"][0]["scopeMetrics"][0]["metrics"];
    let metrics = metrics.as_array().unwrap();
    let names: Vec<_> = metrics
        .iter()
        .map(|metric| metric["name"].as_str().unwrap())
        .collect();
    let table: Vec<_> = TABLE.iter().map(|metric| metric.name).collect();
    assert_eq!(names, table);
    for (metric, known) in metrics.iter().zip(TABLE) {
        let data = match known.kind {
            Kind::Counter => "sum",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let points = metric[data]["dataPoints"].as_array();
        // Problems are named once there is one.
        assert!(
            points.is_some_and(|points| !points.is_empty() || known.label == "code"),
            "{metric}"
        );
    }
}

#[test]
fn w10_without_being_told_to_receivers_get_no_header_more_and_a_dead_collector_holds_nothing_up() {
    let data = tempfile::tempdir().unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (receiver, received) = listens(200);
    let server = traced(data.path(), &format!("http://{nobody}"), receiver, &[]);
    for _ in 0..20 {
        post(&server, "00-nonsense-01");
    }
    for _ in 0..20 {
        let (head, _) = received.recv_timeout(PATIENCE).expect("a request");
        assert!(!head.contains("trace"), "{head}");
    }
}
