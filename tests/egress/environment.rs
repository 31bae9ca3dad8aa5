//! Proxies that the environment names are not asked: the server itself, started with all of them (S4).

use crate::server::{Server, operator_key};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

const VARIABLES: [&str; 8] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "FTP_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "CGI_HTTP_PROXY",
];

#[test]
fn s4_no_proxy_is_taken_from_the_environment() {
    let listen = || TcpListener::bind("127.0.0.1:0").unwrap();
    let (proxy, plain, secure) = (listen(), listen(), listen());
    proxy.set_nonblocking(true).unwrap();
    let proxy_url = format!("http://{}", proxy.local_addr().unwrap());
    let environment = VARIABLES.map(|name| (name, proxy_url.as_str()));
    let data = tempfile::tempdir().unwrap();
    let server = Server::start_with(data.path(), &operator_key(), &environment);
    server.organization(4_417);
    for (scheme, listener) in [("http", &plain), ("https", &secure)] {
        let url = format!("{scheme}://{}/hook", listener.local_addr().unwrap());
        server.endpoint(4_417, &url, &["project.updated"]);
    }
    let event = r#"{"type":"project.updated","organization_id":4417,"data":{"id":"1"}}"#;
    server.ok("POST", "/v1/events", event);
    let (mut request, begins) = taken(&plain);
    assert_eq!(begins, *b"POST /hook HTTP/");
    request
        .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
        .unwrap();
    let (_handshake, begins) = taken(&secure);
    assert_eq!(begins[..2], [22, 3], "TLS at once, no CONNECT");
    drop(server);
    assert_eq!(proxy.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

/// The first connection and its first bytes.
fn taken(listener: &TcpListener) -> (TcpStream, [u8; 16]) {
    let (mut stream, _) = listener.accept().unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let mut begins = [0; 16];
    stream.read_exact(&mut begins).unwrap();
    (stream, begins)
}
