//! A name server on a loopback port: it says of every question what its zone says, and keeps what it was asked.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests; each test file uses a part of it"
)]

use hickory_resolver::proto::op::{Message, MessageType, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use tidings::engine::resolver::Resolver;
use tokio::net::UdpSocket;

/// What a zone says of a name: records, or a code. `None`: no answer at all.
pub type Said = Option<Result<Vec<Record>, ResponseCode>>;

/// The same, where the zone knows nothing but addresses.
pub type Known = Option<Result<Vec<IpAddr>, ResponseCode>>;

/// The server; it stops when dropped.
pub struct NameServer {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<(String, RecordType)>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl NameServer {
    /// Whose zone knows addresses by name.
    pub async fn start(zone: fn(&str) -> Known) -> Self {
        Self::answering(move |name, kind| {
            zone(name).map(|known| {
                known.map(|addresses| {
                    let records = addresses.into_iter().map(|ip| address(name, ip, 60));
                    records.filter(|one| one.record_type() == kind).collect()
                })
            })
        })
        .await
    }

    /// Whose zone is this function of a name, with a dot at its end, and a type.
    pub async fn answering(zone: impl Fn(&str, RecordType) -> Said + Send + 'static) -> Self {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).await.unwrap();
        let address = socket.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(serve(socket, zone, Arc::clone(&asked)));
        Self {
            address,
            asked,
            task,
        }
    }

    /// One that asks this server.
    pub fn resolver(&self) -> Resolver {
        Resolver::with_servers(&[self.address]).unwrap()
    }

    /// Everything that was asked so far.
    pub fn asked(&self) -> Vec<(String, RecordType)> {
        self.asked.lock().unwrap().clone()
    }

    /// How often a name was asked for.
    pub fn questions_for(&self, name: &str) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|(asked, _)| asked == name).count()
    }
}

/// An address of a name, for so many seconds.
pub fn address(name: &str, ip: IpAddr, ttl: u32) -> Record {
    let data = match ip {
        IpAddr::V4(v4) => RData::A(A(v4)),
        IpAddr::V6(v6) => RData::AAAA(AAAA(v6)),
    };
    Record::from_rdata(absolute(name), ttl, data)
}

/// The name that a name stands for, for so many seconds.
pub fn alias(name: &str, target: &str, ttl: u32) -> Record {
    Record::from_rdata(absolute(name), ttl, RData::CNAME(CNAME(absolute(target))))
}

fn absolute(name: &str) -> Name {
    let mut name = Name::from_ascii(name).unwrap();
    name.set_fqdn(true);
    name
}

async fn serve(
    socket: UdpSocket,
    zone: impl Fn(&str, RecordType) -> Said,
    asked: Arc<Mutex<Vec<(String, RecordType)>>>,
) {
    let mut buffer = [0; 4_096];
    while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
        let question = Message::from_vec(&buffer[..length]).unwrap();
        let query = question.queries[0].clone();
        let (name, kind) = (query.name().to_ascii(), query.query_type());
        asked.lock().unwrap().push((name.clone(), kind));
        let Some(known) = zone(&name, kind) else {
            continue;
        };
        let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
        answer.metadata.message_type = MessageType::Response;
        answer.metadata.recursion_available = true;
        answer.add_query(query.clone());
        match known {
            Ok(records) => {
                answer.add_answers(records);
            }
            Err(code) => answer.metadata.response_code = code,
        }
        socket
            .send_to(&answer.to_vec().unwrap(), from)
            .await
            .unwrap();
    }
}
