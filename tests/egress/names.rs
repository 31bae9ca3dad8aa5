//! The table of names: what a name server may say, and that one bad address among a name's refuses the attempt (S3).

use crate::Dialled;
use crate::name_server::{NameServer, Said, address, alias};
use crate::table::{NAMES, Wanted, cases, columns, none_wrong, rules};
use crate::world::{Setting, World};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{RData, Record, RecordType};
use std::net::IpAddr;
use tidings_core::address::TargetUrl;
use tidings_core::outcome::{Failure, Outcome};

#[tokio::test]
async fn s3_every_answer_for_a_name_is_vetted() {
    let mut wrong = Vec::new();
    for case in cases(NAMES) {
        let [zone, settings, becomes] = columns(case);
        let rules = rules(settings);
        let zone = Zone::read(zone, settings.contains("steps"));
        let url = format!("http://{}/", zone.first);
        assert!(TargetUrl::parse(&url, &rules).is_ok(), "{url}");
        let server = NameServer::answering(move |name, kind| zone.says(name, kind)).await;
        let dialled = Dialled::default();
        let world = World::with(Setting {
            resolver: server.resolver(),
            rules,
            dialer: dialled.refusing(),
            ..Setting::default()
        });
        let record = world.send(&url).await;
        let found: Vec<IpAddr> = dialled.take().iter().map(|address| address.ip()).collect();
        let good = match becomes.strip_prefix("dialled ") {
            Some(wanted) => {
                found == expanded(wanted) && record.outcome == Outcome::Failed(Failure::Refused)
            }
            None => {
                let wanted = Wanted::read(becomes);
                let outcome = match wanted.code {
                    "denied" => Failure::EgressDenied,
                    "dns" => Failure::Dns,
                    other => panic!("no outcome: {other}"),
                };
                let said = record.detail.contains(wanted.words);
                said && found.is_empty() && record.outcome == Outcome::Failed(outcome)
            }
        };
        if !good {
            let what = format!("{:?}: {}", record.outcome, record.detail);
            wrong.push(format!("{case}\n     dialled {found:?}, {what}"));
        }
        // Where there was an answer, each name on the way was asked for once, for either kind of address; where there
        // was none, a chain ended after eight names at the latest.
        let mut asked = server.asked();
        let questions = asked.len();
        asked.sort_by_key(|(name, kind)| (name.clone(), u16::from(*kind)));
        asked.dedup();
        let twice = !becomes.starts_with("dns:") && questions != asked.len();
        if twice || questions > 2 * 8 + 1 {
            wrong.push(format!("{case}\n     {questions} questions: {asked:?}"));
        }
    }
    none_wrong(&wrong);
}

/// `8.8.8.1 x16 2606:4700::1`: addresses, with how many that count up from one.
fn expanded(text: &str) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = Vec::new();
    for word in text.split_whitespace() {
        match word.strip_prefix('x') {
            Some(count) => {
                let first = addresses.pop().unwrap();
                addresses.extend((0..count.parse().unwrap()).map(|ahead| above(first, ahead)));
            }
            None => addresses.push(word.parse().unwrap()),
        }
    }
    addresses
}

fn above(ip: IpAddr, ahead: u32) -> IpAddr {
    match ip {
        IpAddr::V4(v4) => IpAddr::from((v4.to_bits() + ahead).to_be_bytes()),
        IpAddr::V6(v6) => IpAddr::from((v6.to_bits() + u128::from(ahead)).to_be_bytes()),
    }
}

struct Zone {
    first: String,
    records: Vec<Record>,
    code: Option<ResponseCode>,
    steps: bool,
}

impl Zone {
    fn read(text: &str, steps: bool) -> Self {
        let first = text.split(' ').next().unwrap().to_owned();
        let (mut records, mut code) = (Vec::new(), None);
        for entry in text.split("; ") {
            let words: Vec<&str> = entry.split(' ').collect();
            match words[..] {
                [_, "NXDOMAIN"] => code = Some(ResponseCode::NXDomain),
                [_, "SERVFAIL"] => code = Some(ResponseCode::ServFail),
                [_, "REFUSED"] => code = Some(ResponseCode::Refused),
                [_, "EMPTY"] => {}
                [name, "CNAME", _, count] => {
                    let (zeroth, parent) = name.split_once('.').unwrap();
                    assert_eq!(zeroth, "n0");
                    let count: u32 = count[1..].parse().unwrap();
                    let chain = (0..count).map(|at| (format!("n{at}.{parent}"), at + 1));
                    records.extend(
                        chain.map(|(name, next)| alias(&name, &format!("n{next}.{parent}"), 60)),
                    );
                }
                [name, "CNAME", target] => records.push(alias(name, target, 60)),
                [name, "A" | "AAAA", ..] => {
                    let addresses = expanded(&words[2..].join(" "));
                    records.extend(addresses.into_iter().map(|ip| address(name, ip, 60)));
                }
                _ => panic!("no record: {entry}"),
            }
        }
        Self {
            first,
            records,
            code,
            steps,
        }
    }

    /// The answer of a server that follows names to the end, or one step.
    fn says(&self, name: &str, kind: RecordType) -> Said {
        if let Some(code) = self
            .code
            .filter(|_| name.trim_end_matches('.') == self.first)
        {
            return Some(Err(code));
        }
        let mut answer: Vec<Record> = Vec::new();
        let mut name = name.to_owned();
        while answer.len() < 100 {
            let known = self
                .records
                .iter()
                .filter(|one| one.name.to_ascii() == name);
            let (aliases, others): (Vec<_>, Vec<_>) =
                known.partition(|one| one.record_type() == RecordType::CNAME);
            answer.extend(
                others
                    .into_iter()
                    .filter(|one| one.record_type() == kind)
                    .cloned(),
            );
            let Some(next) = aliases.first() else { break };
            answer.push((*next).clone());
            let RData::CNAME(target) = &next.data else {
                break;
            };
            name = target.0.to_ascii();
            if self.steps {
                break;
            }
        }
        Some(Ok(answer))
    }
}
