//! S13: every bad input and the one clear error it must give, held by number: a list of 124 lines with 188 inputs, most of
//! them requests, some of them settings.
//!
//! The inputs stand as data in the three modules below, each with its line. Here they are sent: status, code and pointer
//! must be as written down, the answer a problem document that names its request, nothing may be stored, nothing of the
//! inside shown and no more than 64 characters of the input repeated. [`super::bad_inputs_lines`] says where
//! every line is.

use super::bad_inputs_bodies as bodies;
use super::bad_inputs_lists as lists;
use super::bad_inputs_requests as requests;
use super::leaks;
use super::matrix_scene::{Stored, expired, revoked};
use super::world::{LARKSPUR, RIVERSIDE, World, organization, status_of};
use rusqlite::Connection;
use std::time::Duration;
use tidings::clock::Clock;
use tidings::store::Actor;
use tidings::store::directory::{CreateEndpoint, Directory as _, NewEndpoint, Scope};
use tidings_core::address::TargetUrl;
use tidings_core::endpoint::CustomHeaders;
use tidings_core::event_type::WireType;
use tidings_core::limits::ENDPOINTS_PER_ORGANIZATION;
use tidings_core::organization::Switch;
use tidings_core::secret::Secret;

/// Stands at inputs that are ours and on no line.
pub const OURS: u16 = 0;

/// How an input comes.
pub enum Sent {
    Call {
        method: &'static str,
        path: String,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    },
    /// Bytes as they are.
    Raw(Vec<u8>),
}

/// One bad input.
pub struct Input {
    pub line: u16,
    pub sent: Sent,
    pub status: u16,
    pub code: &'static str,
    /// Of the only or first error; empty where there is none.
    pub pointer: String,
}

/// What inputs are about.
#[derive(Default)]
pub struct Prepared {
    pub operator: String,
    pub producer: String,
    pub viewer: String,
    pub administrator: String,
    pub expired: String,
    pub revoked: String,
    /// `/v1/organizations/…/endpoints/ep_…`: its overlap is running.
    pub endpoint: String,
    /// The same, switched off.
    pub off: String,
    /// Another organization's.
    pub foreign_endpoint: String,
    pub foreign_event: String,
    pub event: String,
    /// A delivery whose body is gone.
    pub bodiless: String,
    /// Where a list of endpoints goes on.
    pub cursor: String,
}

pub const EVENTS: &str = "/v1/events";
pub const ENDPOINTS: &str = "/v1/organizations/4417/endpoints";
pub const DELIVERIES: &str = "/v1/organizations/4417/deliveries";
/// An organization with as many endpoints as it may have.
pub const FULL: i64 = 77;

impl Input {
    pub fn call(line: u16, method: &'static str, path: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let json = ("content-type", String::from("application/json"));
        Self {
            line,
            sent: Sent::Call {
                method,
                path: path.to_owned(),
                headers: Vec::from_iter((!body.is_empty()).then_some(json)),
                body,
            },
            status: 0,
            code: "",
            pointer: String::new(),
        }
    }

    pub fn raw(line: u16, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            sent: Sent::Raw(bytes.into()),
            ..Self::call(line, "", "", "")
        }
    }

    /// With this header in place of what it would have.
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self = self.without(name);
        self.and(name, value)
    }

    /// With this header beside what it has.
    pub fn and(mut self, name: &'static str, value: &str) -> Self {
        if let Sent::Call { headers, .. } = &mut self.sent {
            headers.push((name, value.to_owned()));
        }
        self
    }

    pub fn without(mut self, name: &'static str) -> Self {
        if let Sent::Call { headers, .. } = &mut self.sent {
            headers.retain(|(known, _)| *known != name);
        }
        self
    }

    pub fn refused(mut self, status: u16, code: &'static str) -> Self {
        self.status = status;
        self.code = code;
        self
    }

    pub fn at(mut self, pointer: &str) -> Self {
        pointer.clone_into(&mut self.pointer);
        self
    }
}

/// A body to `path`, refused with 422 at a field.
pub fn field(line: u16, path: &str, body: &str, code: &'static str, pointer: &str) -> Input {
    Input::call(line, "POST", path, body)
        .refused(422, code)
        .at(pointer)
}

async fn full_organization(world: &World) {
    let path = format!("/v1/organizations/{FULL}");
    let body = r#"{"name":"Full","add_ons":["api_access"]}"#;
    world.send("PUT", &path, body).await.expect(201);
    for _ in 0..ENDPOINTS_PER_ORGANIZATION {
        let new = NewEndpoint {
            url: TargetUrl::from_stored("https://receiver.example/hook").unwrap(),
            description: String::new(),
            event_types: vec![WireType::parse("project.updated").unwrap()],
            switch: Switch::On,
            headers: CustomHeaders::default(),
            secret: Secret::imported(b"secret".to_vec()).unwrap(),
        };
        let made = world
            .store
            .create_endpoint(organization(FULL), new, Actor::server());
        assert!(matches!(made.await, Ok(CreateEndpoint::Created(_))));
    }
}

async fn prepare(world: &World) -> Prepared {
    let text = |value: &serde_json::Value, name: &str| value[name].as_str().unwrap().to_owned();
    let below = async |owner: i64| {
        let made = world.endpoint(owner, &["project.updated"]).await;
        let id = made["id"].as_str().unwrap();
        format!("/v1/organizations/{owner}/endpoints/{id}")
    };
    let (endpoint, off) = (below(LARKSPUR).await, below(LARKSPUR).await);
    let rotate = format!("{endpoint}/secret/rotate");
    world.send("POST", &rotate, "").await.expect(200);
    world
        .send("PATCH", &off, r#"{"enabled":false}"#)
        .await
        .expect(200);
    let event = world.event(LARKSPUR).await;
    let delivered = format!("{DELIVERIES}?state=delivered");
    let page = world
        .until(&delivered, |page| page["data"][0].is_object())
        .await;
    let database = Connection::open(world.folder.path().join("tidings.db")).unwrap();
    assert_eq!(database.execute("DELETE FROM bodies", []).unwrap(), 1);
    let used = [
        ("authorization", &*format!("Bearer {}", world.operator)),
        ("content-type", "application/json"),
        ("idempotency-key", "used"),
    ];
    let body = br#"{"type":"project.updated","organization_id":9001,"data":{}}"#;
    world.request("POST", EVENTS, &used, body).await.expect(202);
    let foreign_endpoint = below(RIVERSIDE).await;
    let foreign_event = world.event(RIVERSIDE).await;
    let settled = format!("/v1/organizations/{RIVERSIDE}/deliveries?state=delivered");
    world
        .until(&settled, |page| page["data"][0].is_object())
        .await;
    let first = world.get(&format!("{ENDPOINTS}?limit=1")).await.expect(200);
    let own = organization(LARKSPUR);
    full_organization(world).await;
    Prepared {
        operator: world.operator.clone(),
        producer: world.key(Scope::Producer).await,
        viewer: world.key(Scope::Viewer(own)).await,
        administrator: world.key(Scope::Administrator(own)).await,
        expired: expired(world).await,
        revoked: revoked(world).await,
        endpoint,
        off,
        foreign_endpoint,
        foreign_event,
        event,
        bodiless: text(&page["data"][0], "id"),
        cursor: text(&first, "next_cursor"),
    }
}

pub fn all(prepared: &Prepared) -> Vec<Input> {
    let mut all = requests::inputs(prepared);
    all.extend(bodies::inputs(prepared));
    all.extend(lists::inputs(prepared));
    all
}

/// What came back: its status, its problem document, and whether its headers name the same request.
struct Got {
    status: u16,
    problem: serde_json::Value,
    named: bool,
}

async fn send(world: &World, input: &Input) -> Got {
    match &input.sent {
        Sent::Raw(bytes) => {
            let answer = world.raw(bytes).await;
            let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, "{}"));
            let problem: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
            // What hyper refuses never was a request of ours: it has no name.
            let id = problem["request_id"].as_str();
            Got {
                status: status_of(&answer).map_or(0, |status| status.as_u16()),
                named: head.contains("application/problem+json")
                    && id.is_none_or(|id| head.contains(id)),
                problem,
            }
        }
        Sent::Call {
            method,
            path,
            headers,
            body,
        } => {
            let headers: Vec<_> = headers
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            let answer = world.request(method, path, &headers, body).await;
            let problem = answer.json();
            let id = problem["request_id"].as_str().unwrap_or("no request id");
            Got {
                status: answer.status,
                named: answer.headers["content-type"] == "application/problem+json"
                    && answer.headers["x-request-id"] == id,
                problem,
            }
        }
    }
}

fn asked(input: &Input) -> String {
    match &input.sent {
        Sent::Raw(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Sent::Call {
            method,
            path,
            headers,
            body,
        } => format!(
            "{method} {path} {headers:?} {}",
            String::from_utf8_lossy(body)
        ),
    }
}

#[tokio::test]
async fn s13_every_bad_input_has_its_status_code_and_pointer_and_stores_nothing() {
    let world = World::with_organizations().await;
    let prepared = prepare(&world).await;
    let watch = Clock::system();
    let mut stored = Stored::of(&world);
    let (mut times, mut wrong) = (Vec::new(), Vec::new());
    for input in all(&prepared) {
        let asked = asked(&input);
        let shown: String = asked.chars().take(160).collect();
        let begun = watch.monotonic();
        let got = send(&world, &input).await;
        times.push(Duration::from_micros(watch.monotonic().micros_since(begun)));
        let pointer = got.problem["errors"][0]["pointer"].as_str().unwrap_or("");
        let code = got.problem["code"].as_str().unwrap_or("");
        if (got.status, code, pointer) != (input.status, input.code, &input.pointer) {
            let wanted = (input.status, input.code, &input.pointer);
            wrong.push(format!(
                "line {}: {shown}\n  wanted {wanted:?}, got {}: {}",
                input.line, got.status, got.problem
            ));
            continue;
        }
        assert!(got.named, "{shown}: {}", got.problem);
        let detail = got.problem["detail"].as_str().unwrap_or("");
        assert!(detail.len() > 9, "{shown}: {}", got.problem);
        // An address that is spelled oddly is told in its right spelling.
        let spelled = asked.replace("2130706433", "127.0.0.1");
        leaks::check(&got.problem.to_string(), &spelled);
        assert!(!stored.has_changed(), "{shown} was stored");
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    times.sort();
    let slow = times[times.len() * 99 / 100];
    println!(
        "{} bad inputs, 0 wrong; 99 of 100 answered within {slow:?}",
        times.len()
    );
    assert!(
        times[times.len() / 2] < Duration::from_millis(20),
        "{slow:?}"
    );
}

#[tokio::test]
async fn all_problems_of_a_body_come_at_once_and_twenty_at_most() {
    let world = World::with_organizations().await;
    let body = r#"{"type":"x","organization_id":0,"data":[],"publik":true}"#;
    let problem = world
        .send("POST", EVENTS, body)
        .await
        .refused(422, "several_problems");
    let pointers: Vec<_> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].clone())
        .collect();
    assert_eq!(pointers, ["/publik", "/type", "/organization_id", "/data"]);
    let many: Vec<String> = (0..100).map(|n| format!(r#""f{n}":1"#)).collect();
    let problem = world
        .send("POST", EVENTS, &format!("{{{}}}", many.join(",")))
        .await
        .refused(422, "several_problems");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 20);
}
