//! An event as it was posted becomes an event that may be stored. This is the path that must be fast: the
//! body was compacted once, its members are looked up by their place, `data` is a slice of it.

use super::super::Shared;
use super::super::code::Code;
use super::super::fields::{Fields, Known, Read, Value, wrong};
use super::super::notices::{is_ours, is_reserved};
use super::super::problem::{Problem, cut};
use super::super::route::Call;
use super::super::suggest::did_you_mean;
use super::endpoint_input::sentence;
use crate::catalogue::is_notice;
use crate::metrics::COUNTS;
use crate::store::queue::{Accept, Accepted, Idempotency, content_hash};
use crate::traces::{Context, tracer};
use bytes::Bytes;
use http::HeaderMap;
use tidings_core::event::{IdempotencyKey, NewEvent, Publicity, Reference};
use tidings_core::event_type::{
    Audience, EventType, EventTypeError, EventTypeName, SchemaUse, TypeStatus, WireType,
};
use tidings_core::id::OrganizationId;
use tidings_core::limits::{IDEMPOTENCY_KEY, REFERENCE};
use tidings_core::time::Timestamp;
use utoipa::ToSchema;

/// Where an event's idempotency key stands.
#[derive(Debug)]
pub(super) enum KeyPlace {
    /// In the request's header, if there is one.
    Header(Option<IdempotencyKey>),
    /// In the event itself: an item of a batch.
    Field,
}

/// An event to post.
#[derive(Debug, ToSchema)]
#[schema(as = EventInput)]
pub(in crate::http) struct EventInput {
    /// The own form, as in `project.updated`.
    #[schema(value_type = String, example = "project.updated")]
    r#type: EventTypeName,
    /// Whose event it is.
    #[schema(value_type = i64)]
    organization_id: OrganizationId,
    /// Sent byte for byte, but for white space between its tokens.
    #[schema(value_type = Object, example = json!({"id": 318_842, "name": "River clean-up"}))]
    data: Bytes,
    /// Default false; true also reaches the other organizations.
    public: Option<bool>,
    /// The producer's own id: searchable, never sent. 1 to 255 visible ASCII characters.
    #[schema(value_type = Option<String>, example = "order-17")]
    reference: Option<Reference>,
    /// In a batch only: two events with one key are one event.
    #[schema(value_type = Option<String>)]
    idempotency_key: Option<IdempotencyKey>,
}

const SINGLE: Known = Known {
    fields: &["type", "organization_id", "data", "public", "reference"],
    read_only: &["id"],
};
const ITEM: Known = Known {
    fields: &[
        "type",
        "organization_id",
        "data",
        "public",
        "reference",
        "idempotency_key",
    ],
    read_only: &["id"],
};

/// Reads a compact text; everything that can be wrong without asking the directory.
fn read(text: &Bytes, known: Known) -> Result<EventInput, Problem> {
    let mut fields = Fields::of(text, known)?;
    let name = fields.required("type", read_type);
    let organization = fields.required("organization_id", read_organization);
    let data = fields.required("data", |value| {
        value.object().map(|data| text.slice_ref(data))
    });
    let public = fields.optional("public", Value::boolean);
    let reference = fields.optional("reference", read_reference);
    let idempotency_key = fields.optional("idempotency_key", read_key);
    let made = name
        .zip(organization)
        .zip(data)
        .map(|((r#type, organization_id), data)| EventInput {
            r#type,
            organization_id,
            data,
            public,
            reference,
            idempotency_key,
        });
    fields.finish(made)
}

fn read_type(value: Value<'_>) -> Read<EventTypeName> {
    let text = value.string()?;
    EventTypeName::parse(&text).or_else(|error| {
        let code = match error {
            EventTypeError::PublicForm(_) => Code::PublicForm,
            EventTypeError::Length(_)
            | EventTypeError::Character { .. }
            | EventTypeError::Parts => Code::InvalidEventType,
        };
        wrong(code, sentence(&error.to_string()))
    })
}

/// An organization's number in a body.
pub(super) fn read_organization(value: Value<'_>) -> Read<OrganizationId> {
    let number = value.integer(1..=OrganizationId::MAX)?;
    match OrganizationId::new(number) {
        Some(id) => Ok(id),
        None => wrong(Code::OutOfRange, "1 to 2^53 - 1."),
    }
}

fn read_reference(value: Value<'_>) -> Read<Reference> {
    match Reference::parse(&value.string()?) {
        Some(reference) => Ok(reference),
        None => wrong(
            Code::InvalidReference,
            format!("1 to {REFERENCE} visible ASCII characters."),
        ),
    }
}

fn read_key(value: Value<'_>) -> Read<IdempotencyKey> {
    match IdempotencyKey::parse(&value.string()?) {
        Some(key) => Ok(key),
        None => wrong(
            Code::InvalidIdempotencyKey,
            format!("1 to {IDEMPOTENCY_KEY} visible ASCII characters."),
        ),
    }
}

/// What a compact text asks to be stored, once its type and owner are known and its data fits.
pub(super) fn accept(text: &Bytes, key: KeyPlace, api: &Shared) -> Result<Accept, Problem> {
    let accept = to_store(text, key, api);
    if accept.is_err() {
        COUNTS.events.add("refused", 1);
    }
    accept
}

/// Stores events of one request that came at `began`, counts what became of them, and traces them where traces are on.
pub(super) async fn store(
    call: &Call,
    mut events: Vec<Accept>,
    began: Timestamp,
) -> Result<Vec<Accepted>, Problem> {
    let (store, clock) = (&call.api.store, &call.api.clock);
    let Some(tracer) = tracer() else {
        let answers = store.accept(events).await?;
        count(&answers);
        return Ok(answers);
    };
    let trace = trace_of(&call.head.headers);
    events.iter_mut().for_each(|event| event.trace = trace);
    let asked = clock.now();
    let answers = store.accept(events).await?;
    count(&answers);
    let stored = clock.now();
    for answer in &answers {
        if let Accepted::Stored(id) = answer {
            tracer.accepted(*id, (began, asked, stored));
        }
    }
    Ok(answers)
}

fn count(answers: &[Accepted]) {
    for answer in answers {
        COUNTS.events.add(answer.name(), 1);
    }
}

fn to_store(text: &Bytes, key: KeyPlace, api: &Shared) -> Result<Accept, Problem> {
    let known = match key {
        KeyPlace::Header(_) => SINGLE,
        KeyPlace::Field => ITEM,
    };
    let input = read(text, known)?;
    let publicity = if input.public == Some(true) {
        Publicity::Public
    } else {
        Publicity::Private
    };
    check_type(&input, publicity, api)?;
    if api.store.organization(input.organization_id).is_none() {
        return Err(unknown_organization());
    }
    api.rates.admit_of(input.organization_id)?;
    let key = match key {
        KeyPlace::Header(key) => key,
        KeyPlace::Field => input.idempotency_key,
    };
    let idempotency = key.map(|key| Idempotency {
        key,
        content: content_hash(text),
    });
    Ok(Accept {
        event: NewEvent {
            organization: input.organization_id,
            event_type: input.r#type,
            publicity,
            data: input.data,
            reference: input.reference,
        },
        idempotency,
        trace: None,
    })
}

/// The trace that a request is part of.
fn trace_of(headers: &HeaderMap) -> Option<Context> {
    let mut given = headers.get_all("traceparent").iter();
    let only = given.next().filter(|_| given.next().is_none())?;
    Context::parse(only.to_str().ok()?)
}

/// What is said where the owner does not exist.
pub(super) fn unknown_organization() -> Problem {
    Problem::field(
        "/organization_id",
        Code::UnknownOrganization,
        "No such organization; create it with PUT /v1/organizations/{org}.",
    )
}

/// What is said where the type left the catalogue between the look-up and the commit.
pub(super) fn type_is_gone() -> Problem {
    Problem::field(
        "/type",
        Code::UnknownEventType,
        "The type is not in the catalogue.",
    )
}

fn check_type(input: &EventInput, publicity: Publicity, api: &Shared) -> Result<(), Problem> {
    let own = WireType::new(input.r#type.clone(), Audience::Own);
    let entry = api.store.event_type(&own);
    if is_reserved(&own, entry.as_deref()) {
        let problem = is_ours(&own.name);
        return Err(Problem::field("/type", Code::ReservedEventType, problem));
    }
    let Some(entry) = entry else {
        return Err(unknown_type(&input.r#type, api));
    };
    active(&entry)?;
    if publicity == Publicity::Public {
        let public = WireType::new(input.r#type.clone(), Audience::Public);
        let Some(entry) = api.store.event_type(&public) else {
            return Err(Problem::field(
                "/public",
                Code::NoPublicForm,
                format!("`{own}` has no public form; leave `public` out."),
            ));
        };
        active(&entry)?;
    }
    match (&entry.schema, entry.schema_use) {
        (Some(schema), SchemaUse::Enforced) => api.schemas.check(&entry, schema, &input.data),
        (None, _) | (_, SchemaUse::Documents) => Ok(()),
    }
}

fn active(entry: &EventType) -> Result<(), Problem> {
    match entry.status {
        TypeStatus::Active => Ok(()),
        TypeStatus::Inactive => Err(Problem::field(
            "/type",
            Code::InactiveEventType,
            format!(
                "`{}` is switched off; an operator can switch it on.",
                entry.wire
            ),
        )),
    }
}

fn unknown_type(name: &EventTypeName, api: &Shared) -> Problem {
    let names: Vec<String> = api
        .store
        .event_types()
        .iter()
        .filter(|entry| entry.wire.audience == Audience::Own && !is_notice(entry))
        .map(|entry| entry.wire.to_string())
        .collect();
    let hint = did_you_mean(name.as_str(), names.iter().map(String::as_str));
    Problem::field(
        "/type",
        Code::UnknownEventType,
        format!("`{}` is not in the catalogue.{hint}", cut(name.as_str())),
    )
}
