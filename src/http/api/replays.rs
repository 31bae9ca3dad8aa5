//! Replays: sending a time range of one endpoint again, as a job that can be watched and stopped.

use super::super::code::Code;
use super::super::fields::{Fields, Read, Value, known, wrong};
use super::super::problem::Problem;
use super::super::reply::Reply;
use super::super::route::Call;
use super::add_on_required;
use super::endpoints::no_endpoint;
use super::show::time;
use crate::store::log::{NewReplay, Replay, ReplayInclude, ReplayStarted, ReplayState};
use http::StatusCode;
use http::header::{HeaderValue, LOCATION};
use serde::Serialize;
use std::time::Duration;
use tidings_core::id::ReplayId;
use tidings_core::limits::REPLAY_DAYS;
use tidings_core::time::Timestamp;
use utoipa::ToSchema;

/// A replay to start.
#[derive(Debug, ToSchema)]
#[schema(as = ReplayInput)]
pub(in crate::http) struct Input {
    /// Events accepted then or later (RFC 3339).
    #[schema(value_type = String, example = "2026-03-01T00:00:00Z")]
    from: Timestamp,
    /// Events accepted before then; at most 90 days later.
    #[schema(value_type = String, example = "2026-03-02T00:00:00Z")]
    to: Timestamp,
    /// `exhausted`, `cancelled`, `delivered`, `missing`.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 4, example = json!(["exhausted", "missing"]))]
    include: ReplayInclude,
}

/// A replay.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Replay)]
pub(in crate::http) struct ReplayShown {
    id: String,
    organization_id: i64,
    endpoint_id: String,
    from: String,
    to: String,
    include: Vec<&'static str>,
    /// `running`, `done`, `stopped`.
    state: &'static str,
    /// Events looked at.
    examined: u64,
    /// Deliveries made due.
    queued: u64,
    /// The part of the time range that is done.
    percent: u8,
    created_at: String,
}

const CHOICES: [&str; 4] = ["exhausted", "cancelled", "delivered", "missing"];

fn show(replay: &Replay) -> ReplayShown {
    let include = replay.include;
    let wanted = [
        include.exhausted,
        include.cancelled,
        include.delivered,
        include.missing,
    ];
    let chosen = CHOICES.into_iter().zip(wanted);
    ReplayShown {
        id: replay.id.to_string(),
        organization_id: replay.organization.get(),
        endpoint_id: replay.endpoint.to_string(),
        from: time(replay.from),
        to: time(replay.to),
        include: chosen.filter_map(|(name, on)| on.then_some(name)).collect(),
        state: match replay.state {
            ReplayState::Running => "running",
            ReplayState::Done => "done",
            ReplayState::Stopped => "stopped",
        },
        examined: replay.examined,
        queued: replay.queued,
        percent: replay.percent,
        created_at: time(replay.created_at),
    }
}

fn read_include(value: Value<'_>) -> Read<ReplayInclude> {
    let names = value.list(CHOICES.len(), |value| {
        value.choice(&CHOICES.map(|name| (name, name)))
    })?;
    if names.is_empty() {
        return wrong(
            Code::EmptyList,
            format!("At least one of {}.", CHOICES.join(", ")),
        );
    }
    let has = |name: &str| names.contains(&name);
    Ok(ReplayInclude {
        exhausted: has("exhausted"),
        cancelled: has("cancelled"),
        delivered: has("delivered"),
        missing: has("missing"),
    })
}

fn read(body: &[u8]) -> Result<Input, Problem> {
    let mut fields = Fields::of(body, known(&["from", "to", "include"]))?;
    let range = fields
        .required("from", Value::time)
        .zip(fields.required("to", Value::time));
    let include = fields.required("include", read_include);
    if let Some((from, to)) = range {
        if to <= from {
            fields.refuse("to", Code::InvalidRange, "`to` must be later than `from`.");
        } else if to.since(from) > Duration::from_secs(REPLAY_DAYS * 86_400) {
            fields.refuse(
                "to",
                Code::RangeTooLong,
                format!("At most {REPLAY_DAYS} days."),
            );
        }
    }
    let made = range
        .zip(include)
        .map(|((from, to), include)| Input { from, to, include });
    fields.finish(made)
}

/// Send a time range again. One replay runs for an endpoint at a time.
#[utoipa::path(post, path = "/v1/organizations/{org}/endpoints/{ep}/replay", tag = "replays", security(("key" = ["administrator"])),
    params(("org" = i64, Path, description = "The organization's number"), ("ep" = String, Path, description = "The endpoint's id")),
    request_body = Input,
    responses((status = 202, description = "It runs; `Location` is where to watch it", body = ReplayShown, headers(("location" = String, description = "The path of the replay"))),
        (status = 403, description = "add_on_required"), (status = 409, description = "endpoint_off, replay_running")))]
pub(in crate::http) async fn post_replay(call: Call) -> Result<Reply, Problem> {
    let organization = call.administered()?;
    call.no_query()?;
    let endpoint = call.endpoint()?;
    let input = read(&call.json()?)?;
    let new = NewReplay {
        organization,
        endpoint,
        from: input.from,
        to: input.to,
        include: input.include,
    };
    match call.api.store.start_replay(new, call.actor()).await? {
        ReplayStarted::Started(replay) => {
            let reply = Reply::json(StatusCode::ACCEPTED, &show(&replay))?;
            let place = format!("{}/{}", call.head.uri.path(), replay.id);
            match HeaderValue::from_str(&place) {
                Ok(place) => Ok(reply.with(LOCATION, place)),
                Err(error) => Err(Problem::internal(&error)),
            }
        }
        ReplayStarted::NotFound => Err(no_endpoint(&call)),
        ReplayStarted::EndpointOff => Err(Problem::new(
            Code::EndpointOff,
            "The endpoint or its organization is switched off; switch it on first.",
        )),
        ReplayStarted::AddOnRequired => Err(add_on_required()),
        ReplayStarted::Running(id) => Err(Problem::new(
            Code::ReplayRunning,
            format!("The replay {id} is running; wait for its end or stop it."),
        )),
    }
}

fn no_replay(call: &Call) -> Problem {
    Problem::missing(Code::NoSuchReplay, "replay", call.param(2))
}

/// The replay, if it is the endpoint's in the path.
fn shown(call: &Call, replay: Option<Replay>) -> Result<Reply, Problem> {
    let endpoint = call.endpoint()?;
    match replay.filter(|replay| replay.endpoint == endpoint) {
        Some(replay) => Reply::ok(&show(&replay)),
        None => Err(no_replay(call)),
    }
}

/// How a replay stands.
#[utoipa::path(get, path = "/v1/organizations/{org}/endpoints/{ep}/replay/{rpl}", tag = "replays", security(("key" = ["viewer"])),
    params(("org" = i64, Path, description = "The organization's number"), ("ep" = String, Path, description = "The endpoint's id"), ("rpl" = String, Path, description = "The replay's id")),
    responses((status = 200, description = "The replay", body = ReplayShown)))]
pub(in crate::http) async fn get_replay(call: Call) -> Result<Reply, Problem> {
    let organization = call.seen()?;
    call.no_query()?;
    let id: ReplayId = call.id(2, no_replay(&call))?;
    let replay = call.api.store.replay(organization, id).await?;
    shown(&call, replay)
}

/// Stop a replay; what it made due is still sent.
#[utoipa::path(delete, path = "/v1/organizations/{org}/endpoints/{ep}/replay/{rpl}", tag = "replays", security(("key" = ["administrator"])),
    params(("org" = i64, Path, description = "The organization's number"), ("ep" = String, Path, description = "The endpoint's id"), ("rpl" = String, Path, description = "The replay's id")),
    responses((status = 200, description = "As it stands now", body = ReplayShown)))]
pub(in crate::http) async fn delete_replay(call: Call) -> Result<Reply, Problem> {
    let organization = call.administered()?;
    call.no_query()?;
    let id: ReplayId = call.id(2, no_replay(&call))?;
    let endpoint = call.endpoint()?;
    let store = &call.api.store;
    let known = store.replay(organization, id).await?;
    if known.is_none_or(|replay| replay.endpoint != endpoint) {
        return Err(no_replay(&call));
    }
    let replay = store.stop_replay(organization, id, call.actor()).await?;
    shown(&call, replay)
}
