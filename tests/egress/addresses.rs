//! The table of addresses: the same verdict, in the same words, when an address is vetted, entered, dialled as one that was
//! stored, and found behind a name.

use crate::Dialled;
use crate::name_server::{NameServer, Said, address};
use crate::table::{ADDRESSES, Wanted, cases, columns, none_wrong, rules};
use crate::world::{Setting, World};
use hickory_resolver::proto::rr::RecordType;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use tidings_core::address::{Host, TargetUrl};
use tidings_core::outcome::{Failure, Outcome};

#[tokio::test]
async fn s1_s2_addresses_get_one_verdict_wherever_they_are_met() {
    let server = NameServer::answering(zone).await;
    let dialled = Dialled::default();
    let mut worlds = HashMap::new();
    let mut wrong = Vec::new();
    for case in cases(ADDRESSES) {
        let [text, settings, verdict] = columns(case);
        let ip: IpAddr = text.parse().unwrap();
        let (wanted, rules) = (Wanted::read(verdict), rules(settings));
        let world = worlds.entry(settings).or_insert_with(|| {
            World::with(Setting {
                resolver: server.resolver(),
                rules: rules.clone(),
                dialer: dialled.refusing(),
                ..Setting::default()
            })
        });
        let mut object = |met: &str, objection: Option<String>| {
            wrong.extend(objection.map(|why| format!("{case}\n     {met}: {why}")));
        };

        let vetted = rules.vet_address(ip);
        let words = vetted
            .as_ref()
            .map_or_else(ToString::to_string, |()| String::new());
        let code = vetted
            .as_ref()
            .map_or_else(|refusal| refusal.code(), |()| "ok");
        object("vetted", wanted.objection(code, &words));

        let url = format!("http://{}/", Host::Ip(ip));
        let entered = TargetUrl::parse(&url, &rules);
        let said = entered
            .as_ref()
            .map_or_else(ToString::to_string, |_| String::new());
        let code = entered.as_ref().map_or_else(|error| error.code(), |_| "ok");
        object("entered", wanted.objection(code, &said));
        object(
            "entered",
            (said != words).then(|| format!("other words: {said}")),
        );

        for (met, url) in [("stored", url), ("behind a name", name_of(ip))] {
            let record = world.send(&url).await;
            let (outcome, addresses) = if wanted.code == "ok" {
                (Failure::Refused, vec![SocketAddr::new(ip, 80)])
            } else {
                (Failure::EgressDenied, Vec::new())
            };
            let found = dialled.take();
            if record.outcome != Outcome::Failed(outcome) || found != addresses {
                let why = format!("{:?}, dialled {found:?}: {}", record.outcome, record.detail);
                object(met, Some(why));
            }
            if wanted.code != "ok" && record.detail != words {
                object(met, Some(format!("other words: {}", record.detail)));
            }
        }
    }
    none_wrong(&wrong);
}

/// A URL of a name that has this address.
fn name_of(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(v4) => format!("http://v4-{:08x}.example/", v4.to_bits()),
        IpAddr::V6(v6) => format!("http://v6-{:032x}.example/", v6.to_bits()),
    }
}

fn zone(name: &str, kind: RecordType) -> Said {
    let records = behind(name).map(|ip| address(name, ip, 0));
    let asked_for = records.into_iter().filter(|one| one.record_type() == kind);
    Some(Ok(asked_for.collect()))
}

/// The address of such a name.
fn behind(name: &str) -> Option<IpAddr> {
    let (kind, rest) = name.split_once('-')?;
    let bits = u128::from_str_radix(rest.split('.').next()?, 16).ok()?;
    match kind {
        "v4" => Some(IpAddr::from(u32::try_from(bits).ok()?.to_be_bytes())),
        _ => Some(IpAddr::from(bits.to_be_bytes())),
    }
}
