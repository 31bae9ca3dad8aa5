//! The table of answers that point elsewhere: whatever a receiver says, one request was made, to it (S4).

use crate::Dialled;
use crate::name_server::NameServer;
use crate::receiver::{Receiver, Reply, Step};
use crate::table::{HOPS, cases, none_wrong};
use crate::world::{Setting, World};
use std::io::ErrorKind;
use std::net::TcpListener;

#[tokio::test]
async fn s4_no_answer_sends_us_elsewhere() {
    let inside = TcpListener::bind("127.0.0.1:0").unwrap();
    inside.set_nonblocking(true).unwrap();
    let inside_address = inside.local_addr().unwrap().to_string();
    let server = NameServer::start(|_| Some(Ok(vec!["127.0.0.1".parse().unwrap()]))).await;
    let dialled = Dialled::default();
    let mut wrong = Vec::new();
    for case in cases(HOPS) {
        let (answer, wanted) = case.rsplit_once('|').unwrap();
        let answer = answer
            .replace("{inside-address}", &inside_address)
            .replace("{inside}", &format!("http://{inside_address}/x"));
        let receiver = Receiver::start(move |request| {
            let own = format!("http://{}/again", request.header("host"));
            let head = answer
                .trim()
                .replace("{self}", &own)
                .replace(" || ", "\r\n");
            Reply::raw(&format!("{head}\r\ncontent-length: 0\r\n\r\n")).then(Step::Close)
        })
        .await;
        let world = World::with(Setting {
            resolver: server.resolver(),
            dialer: dialled.connecting(),
            ..Setting::default()
        });
        let record = world.send_to(&receiver).await;
        let found = match record.outcome.status() {
            Some(status) => status.to_string(),
            None => record.outcome.class().to_owned(),
        };
        // Whatever else the sender would do with this answer, it does before it takes up the next delivery.
        let again = world.send_to(&receiver).await;
        let (seen, addresses) = (receiver.seen(), dialled.take());
        let alone = addresses == [receiver.address; 2] && seen.requests.len() == 2;
        let authorized = seen.requests.iter().any(|one| {
            let names = one.headers.iter().map(|(name, _)| name.as_str());
            names
                .into_iter()
                .any(|name| name.ends_with("authorization") || name == "cookie")
        });
        if found != wanted.trim() || !alone || authorized || again.outcome != record.outcome {
            wrong.push(format!(
                "{case}\n     {found}, dialled {addresses:?}: {}",
                record.detail
            ));
        }
    }
    assert_eq!(inside.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(server.asked(), [], "no name was asked for");
    none_wrong(&wrong);
}
