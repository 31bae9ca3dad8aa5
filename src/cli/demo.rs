//! `tidings demo`: the whole product in one terminal, through its public interface only.
//!
//! A server on a data directory of its own, a receiver with four behaviours, three organizations (one
//! without an add-on), an event of every catalogue type; then the log, live, until everything rests.

use super::client::Client;
use super::output::{Failure, note, say};
use super::receiver::{self, Arrival, Behaviour, Reaction, Signatures};
use super::serve::{Stop, runtime};
use super::view::View;
use crate::app::App;
use crate::catalogue;
use crate::clock::Clock;
use crate::config::{Layers, Settings, Telemetry, load, written};
use crate::telemetry;
use hyper::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tidings_core::event_type::{Audience, EventType};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tracing_subscriber::filter::{LevelFilter, Targets};

/// How to run the demo.
#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// Where the server listens; a free port when this one is taken
    #[arg(long, default_value = "127.0.0.1:8420", value_name = "ADDRESS:PORT", value_parser = written::listener)]
    listen: SocketAddr,
    /// A receiver of yours that gets every event type too
    #[arg(long, value_name = "URL", requires = "secret")]
    to: Option<String>,
    /// The secret your receiver verifies with
    #[arg(long, env = "TIDINGS_SECRET", hide_env_values = true)]
    secret: Option<String>,
    /// End when every delivery rests, instead of staying up
    #[arg(long)]
    exit: bool,
    /// Keep the data directory at the end
    #[arg(long)]
    keep: bool,
}

/// The organization that owns the records.
const LARKSPUR: i64 = 4417;
/// Another organization on the network: receives public events.
const HARBOR: i64 = 9001;
/// An organization without an add-on.
const MEADOW: i64 = 120;

/// One endpoint of the demo.
struct Plan {
    organization: i64,
    path: &'static str,
    description: &'static str,
    types: &'static [&'static str],
}

const PLANS: [Plan; 4] = [
    Plan {
        organization: LARKSPUR,
        path: "/larkspur",
        description: "Larkspur CRM: answers at once",
        types: &[],
    },
    Plan {
        organization: LARKSPUR,
        path: "/fails-once",
        description: "answers 500 to the first try",
        types: &["participation.created"],
    },
    Plan {
        organization: LARKSPUR,
        path: "/hangs",
        description: "never answers",
        types: &["participation.updated"],
    },
    Plan {
        organization: HARBOR,
        path: "/harbor",
        description: "Harbor: public events of others",
        types: &["public"],
    },
];

/// The receiver's side of the demo: secrets by path, and who fails.
struct Demo {
    clock: Clock,
    secrets: Mutex<HashMap<String, Vec<u8>>>,
    seen: Mutex<HashMap<String, u32>>,
}

impl Behaviour for Demo {
    fn secret(&self, path: &str) -> Option<Vec<u8>> {
        self.secrets
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(path)
            .cloned()
    }

    fn react(&self, path: &str, id: &str) -> Reaction {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let tries = seen.entry(id.to_owned()).or_insert(0);
        *tries += 1;
        match path {
            "/hangs" => Reaction::Hang,
            "/fails-once" if *tries == 1 => Reaction::Answer(500, Duration::ZERO),
            _ => Reaction::Answer(200, Duration::ZERO),
        }
    }

    fn signature_header(&self) -> &'static str {
        tidings_core::request::VOMO_SIGNATURE
    }

    fn now_seconds(&self) -> i64 {
        self.clock.now().as_seconds()
    }
}

/// Runs `tidings demo`.
pub fn run(args: DemoArgs) -> Result<(), Failure> {
    telemetry::start(&Telemetry {
        filter: Targets::new().with_default(LevelFilter::WARN),
        json: Some(false),
    });
    runtime()?.block_on(async {
        let data = std::env::temp_dir().join(format!("tidings-demo-{}", std::process::id()));
        let result = show(&args, data.clone()).await;
        if args.keep {
            note(&format!("data kept in {}", data.display()));
        } else if let Err(error) = std::fs::remove_dir_all(&data) {
            note(&format!("cannot remove {}: {error}", data.display()));
        }
        result
    })
}

async fn bind(wanted: SocketAddr) -> Result<SocketAddr, Failure> {
    let free = match TcpListener::bind(wanted).await {
        Ok(listener) => listener.local_addr(),
        Err(_) => TcpListener::bind((wanted.ip(), 0))
            .await
            .and_then(|listener| listener.local_addr()),
    };
    free.map_err(|error| Failure::Environment(format!("cannot listen on {wanted}: {error}")))
}

async fn show(args: &DemoArgs, data: PathBuf) -> Result<(), Failure> {
    let stop = Stop::listen()?;
    let app = App::start(settings(bind(args.listen).await?, data)?, Clock::system()).await?;
    let receiver = TcpListener::bind(("127.0.0.1", 0))
        .await
        .map_err(|error| Failure::Environment(error.to_string()))?;
    let receiver_address = receiver
        .local_addr()
        .map_err(|error| Failure::Environment(error.to_string()))?;
    let key = app
        .first_key()
        .map(|key| key.expose().to_owned())
        .unwrap_or_default();
    let server = url::Url::parse(&format!("http://{}", app.address()))
        .map_err(|error| Failure::Failed(error.to_string()))?;
    let mut client = Client::of(server, key.clone());
    let demo = Arc::new(Demo {
        clock: Clock::system(),
        secrets: Mutex::default(),
        seen: Mutex::default(),
    });
    let (arrived, mut arrivals) = mpsc::channel(1_024);
    tokio::spawn(receiver::serve(receiver, Arc::clone(&demo), arrived));

    say(&format!(
        "Tidings {}: server http://{}, receiver http://{receiver_address}\n",
        env!("CARGO_PKG_VERSION"),
        app.address()
    ))?;
    if let Some(link) = app.setup_link() {
        say(&format!(
            "The console, with all of this in a browser; the link works once, for 15 minutes:\n{link}\n"
        ))?;
    }
    let mut endpoints = set_up(&mut client, &demo, receiver_address).await?;
    if let (Some(url), Some(secret)) = (&args.to, &args.secret) {
        add_yours(&mut client, url, secret, &mut endpoints).await?;
    }
    let posted = post_all(&mut client).await?;
    say(&format!(
        "\nPosted {posted} events, one of every catalogue type. Watch them arrive, fail, be retried, and rest:\n"
    ))?;
    let mut stop = std::pin::pin!(stop.wait());
    let mut view = View::new(endpoints);
    let stopped = watch(&mut client, &mut arrivals, &mut view, stop.as_mut()).await?;
    if !stopped {
        finish(app.address(), receiver_address, &key)?;
        if !args.exit {
            tokio::select! {
                () = stop.as_mut() => {}
                () = print_arrivals(&mut arrivals) => {}
            }
        }
    }
    app.stop().await;
    Ok(())
}

fn settings(listen: SocketAddr, data: PathBuf) -> Result<Settings, Failure> {
    let flags: BTreeMap<&'static str, String> = [
        ("listen", listen.to_string()),
        ("data", data.display().to_string()),
        ("egress.allow", String::from("127.0.0.1/32")),
    ]
    .into();
    Ok(Settings::parse(&load(&Layers {
        flags,
        environment: &|_| None,
        file: None,
    })?)?)
}

/// Makes organizations and endpoints; answers what to call each endpoint, by id.
async fn set_up(
    client: &mut Client,
    demo: &Demo,
    receiver: SocketAddr,
) -> Result<HashMap<String, String>, Failure> {
    for (id, name, add_ons) in [
        (LARKSPUR, "Larkspur Commons", json!(["crm_integrations"])),
        (HARBOR, "Harbor Volunteers", json!(["api_access"])),
        (MEADOW, "Meadow Friends", json!([])),
    ] {
        let body = json!({ "name": name, "add_ons": add_ons });
        client
            .call(
                Method::PUT,
                &format!("/v1/organizations/{id}"),
                Some(body.to_string().as_bytes()),
            )
            .await?
            .ok()?;
        say(&format!("organization {id:<5} {name}, add-ons {add_ons}"))?;
    }
    let mut names = HashMap::new();
    for plan in &PLANS {
        let types: Vec<String> = types_of(plan.types)?
            .iter()
            .map(|entry| entry.wire.to_string())
            .collect();
        let body = json!({ "url": format!("http://{receiver}{}", plan.path), "event_types": types, "description": plan.description });
        let made = client
            .call(
                Method::POST,
                &format!("/v1/organizations/{}/endpoints", plan.organization),
                Some(body.to_string().as_bytes()),
            )
            .await?
            .ok()?;
        let text = |key: &str| {
            made.get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        demo.secrets
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(plan.path.to_owned(), text("secret").into_bytes());
        say(&format!(
            "endpoint {:<12} of {:<5} {} ({} event types)",
            plan.path,
            plan.organization,
            plan.description,
            types.len()
        ))?;
        names.insert(text("id"), plan.path.to_owned());
    }
    let body =
        json!({ "url": format!("http://{receiver}/meadow"), "event_types": ["project.created"] });
    let refused = client
        .call(
            Method::POST,
            &format!("/v1/organizations/{MEADOW}/endpoints"),
            Some(body.to_string().as_bytes()),
        )
        .await?;
    say(&format!(
        "endpoint /meadow      of {MEADOW:<5} refused: {}",
        refused.problem()
    ))?;
    Ok(names)
}

/// Adds the caller's own receiver for every own type of one organization and every public type of the other.
async fn add_yours(
    client: &mut Client,
    url: &str,
    secret: &str,
    names: &mut HashMap<String, String>,
) -> Result<(), Failure> {
    for (organization, chosen) in [(LARKSPUR, &[][..]), (HARBOR, &["public"][..])] {
        let types: Vec<String> = types_of(chosen)?
            .iter()
            .map(|entry| entry.wire.to_string())
            .collect();
        let body =
            json!({ "url": url, "event_types": types, "description": "yours", "secret": secret });
        let path = format!("/v1/organizations/{organization}/endpoints");
        let made = client
            .call(Method::POST, &path, Some(body.to_string().as_bytes()))
            .await?
            .ok()?;
        let id = made.get("id").and_then(Value::as_str).unwrap_or_default();
        names.insert(id.to_owned(), String::from("yours"));
        say(&format!(
            "endpoint yours        of {organization:<5} {url} ({} event types)",
            types.len()
        ))?;
    }
    Ok(())
}

/// The active catalogue entries a plan chooses: those named, all public ones, or all own ones.
fn types_of(chosen: &[&str]) -> Result<Vec<EventType>, Failure> {
    let entries = catalogue::entries().map_err(|error| Failure::Failed(error.to_string()))?;
    let active = entries.into_iter().filter(|entry| entry.compatible);
    Ok(match chosen {
        [] => active
            .filter(|entry| entry.wire.audience == Audience::Own)
            .collect(),
        ["public"] => active
            .filter(|entry| entry.wire.audience == Audience::Public)
            .collect(),
        named => active
            .filter(|entry| named.contains(&entry.wire.to_string().as_str()))
            .collect(),
    })
}

/// Posts one event of every own type; those with a public form are public, so that every catalogue type is delivered.
async fn post_all(client: &mut Client) -> Result<usize, Failure> {
    let public: Vec<EventType> = types_of(&["public"])?;
    let own = types_of(&[])?;
    for entry in &own {
        let is_public = public
            .iter()
            .any(|other| other.wire.name == entry.wire.name);
        let data = entry.example.as_deref().unwrap_or("{}");
        let body = format!(
            "{{\"type\":\"{}\",\"organization_id\":{LARKSPUR},\"data\":{data},\"public\":{is_public},\"reference\":\"demo-{}\"}}",
            entry.wire, entry.wire
        );
        client
            .call(Method::POST, "/v1/events", Some(body.as_bytes()))
            .await?
            .ok()?;
    }
    Ok(own.len())
}

/// Shows the log until everything rests; answers whether a signal ended it.
async fn watch(
    client: &mut Client,
    arrivals: &mut mpsc::Receiver<Arrival>,
    view: &mut View,
    mut stop: std::pin::Pin<&mut impl Future<Output = ()>>,
) -> Result<bool, Failure> {
    let mut tick = tokio::time::interval(Duration::from_millis(250));
    loop {
        tokio::select! {
            () = stop.as_mut() => return Ok(true),
            Some(arrival) = arrivals.recv() => view.arrived(&arrival),
            _ = tick.tick() => {
                let mut rows = Vec::new();
                for organization in [LARKSPUR, HARBOR] {
                    let page = client.call(Method::GET, &format!("/v1/organizations/{organization}/deliveries?limit=100"), None).await?.ok()?;
                    rows.extend(page.get("data").and_then(Value::as_array).cloned().unwrap_or_default());
                }
                while let Ok(arrival) = arrivals.try_recv() {
                    view.arrived(&arrival);
                }
                if view.show(&rows, Clock::system().now())? {
                    return Ok(false);
                }
            }
        }
    }
}

async fn print_arrivals(arrivals: &mut mpsc::Receiver<Arrival>) {
    while let Some(arrival) = arrivals.recv().await {
        let verdict = match &arrival.signatures {
            Signatures::Valid => String::from("signatures verified"),
            Signatures::Unchecked => String::from("secret not known here"),
            Signatures::Wrong(why) => format!("WRONG: {why}"),
        };
        note(&format!(
            "arrived at {}: {} {} ({verdict})",
            arrival.path, arrival.event_type, arrival.id
        ));
    }
}

/// What starts this program in another terminal: the word that was typed, or under `cargo run` where it lies.
fn program() -> String {
    match (std::env::args_os().next(), std::env::current_exe()) {
        (Some(typed), Ok(path)) if typed != "tidings" => path.display().to_string(),
        _ => String::from("tidings"),
    }
}

fn finish(server: SocketAddr, receiver: SocketAddr, key: &str) -> Result<(), Failure> {
    let key_name = "$TIDINGS_KEY";
    let program = program();
    say(&format!(
        "\nEverything rests. The server stays up: API http://{server}/v1, console http://{server}, document http://{server}/openapi.json, receiver http://{receiver}\n\
         Three commands to try, in another terminal:\n\n  export TIDINGS_KEY={key} TIDINGS_SERVER=http://{server}\n\n\
         1. {program} send --type project.updated --organization {LARKSPUR} --data '{{\"id\":\"318842\"}}' --public\n\
         2. curl -s -H \"Authorization: Bearer {key_name}\" 'http://{server}/v1/organizations/{LARKSPUR}/deliveries?state=exhausted'\n\
         3. curl -s -X POST -H \"Authorization: Bearer {key_name}\" http://{server}/v1/deliveries/DELIVERY_ID/retry   # an id from 2.\n\nCtrl-C ends it."
    ))
}
