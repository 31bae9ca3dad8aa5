//! What is sent to make or change an endpoint, read and checked.

use super::super::Shared;
use super::super::code::Code;
use super::super::fields::{Fields, Known, Read, Value, segment, wrong};
use super::super::notices::{is_ours, is_reserved};
use super::super::problem::{Fault, Problem};
use super::super::suggest::did_you_mean;
use crate::catalogue::is_notice;
use crate::store::Store;
use crate::store::directory::SwitchChange;
use tidings_core::address::TargetUrl;
use tidings_core::endpoint::CustomHeaders;
use tidings_core::event_type::{TypeStatus, WireType};
use tidings_core::id::OrganizationId;
use tidings_core::limits::{EVENT_TYPES_PER_ENDPOINT, TEXT_CHARS};
use tidings_core::secret::Secret;
use utoipa::ToSchema;

/// An endpoint to make.
#[derive(Debug, ToSchema)]
#[schema(as = EndpointInput)]
pub(in crate::http) struct Input {
    /// Where requests go.
    #[schema(value_type = String, min_length = 1, max_length = 2048, example = "https://crm.example.com/hooks")]
    pub url: TargetUrl,
    /// At most 200 characters.
    #[schema(max_length = 200)]
    pub description: Option<String>,
    /// The types it is sent, in own or public form.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 500, example = json!(["project.updated"]))]
    pub event_types: Vec<WireType>,
    /// Default true.
    pub enabled: Option<bool>,
    /// Sent with every request; at most 20.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub headers: Option<CustomHeaders>,
    /// Operators only: an existing secret to go on with, 1 to 256 bytes.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 256)]
    pub secret: Option<Secret>,
}

/// Changes to an endpoint; what is left out stays.
#[derive(Debug, ToSchema)]
#[schema(as = EndpointPatch)]
pub(in crate::http) struct PatchInput {
    /// Where requests go from now on.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 2048)]
    pub url: Option<TargetUrl>,
    /// At most 200 characters.
    #[schema(max_length = 200)]
    pub description: Option<String>,
    /// All types it is sent from now on.
    #[schema(value_type = Option<Vec<String>>, min_items = 1, max_items = 500)]
    pub event_types: Option<Vec<WireType>>,
    /// Off holds what waits.
    #[schema(example = true)]
    pub enabled: Option<bool>,
    /// With `enabled: true`: `send` (default) or `discard` what was held.
    #[schema(value_type = Option<String>)]
    pub held: Option<Held>,
    /// All custom headers from now on.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub headers: Option<CustomHeaders>,
}

/// What becomes of deliveries that were held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Held {
    Send,
    Discard,
}

/// What is asked of a switch.
pub(super) const fn switch_change(enabled: bool, held: Option<Held>) -> SwitchChange {
    match (enabled, held) {
        (false, _) => SwitchChange::Off,
        (true, Some(Held::Discard)) => SwitchChange::OnDiscardHeld,
        (true, Some(Held::Send) | None) => SwitchChange::OnSendHeld,
    }
}

/// Reads a type that an endpoint of the organization may choose.
fn read_type(value: Value<'_>, api: &Shared, organization: OrganizationId) -> Read<WireType> {
    let text = value.string()?;
    let wire = match WireType::parse(&text) {
        Ok(wire) => wire,
        Err(error) => return wrong(Code::InvalidEventType, sentence(&error.to_string())),
    };
    let store = &*api.store;
    let entry = store.event_type(&wire);
    if is_reserved(&wire, entry.as_deref())
        && !entry
            .as_deref()
            .is_some_and(|entry| api.notices.may_choose(entry, organization))
    {
        return wrong(Code::ReservedEventType, is_ours(&wire.name));
    }
    match entry.map(|entry| entry.status) {
        Some(TypeStatus::Active) => Ok(wire),
        Some(TypeStatus::Inactive) => wrong(
            Code::InactiveEventType,
            format!("`{wire}` is switched off; an operator can switch it on."),
        ),
        None => {
            let hint = near_type(&text, store);
            wrong(
                Code::UnknownEventType,
                format!("`{wire}` is not in the catalogue.{hint}"),
            )
        }
    }
}

/// A core error's words as a sentence.
pub(super) fn sentence(words: &str) -> String {
    let mut chars = words.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string());
    format!(
        "{}{}.",
        first.unwrap_or_default(),
        chars.as_str().trim_end_matches('.')
    )
}

/// A sentence with the catalogue's entry nearest to a text, or nothing.
pub(super) fn near_type(text: &str, store: &dyn Store) -> String {
    let names: Vec<String> = store
        .event_types()
        .iter()
        .filter(|entry| !is_notice(entry))
        .map(|entry| entry.wire.to_string())
        .collect();
    did_you_mean(text, names.iter().map(String::as_str))
}

fn read_url(value: Value<'_>, api: &Shared) -> Read<TargetUrl> {
    TargetUrl::parse(&value.string()?, &api.rules)
        .or_else(|error| wrong(Code::named(error.code()), error.to_string()))
}

fn read_types(value: Value<'_>, (api, organization): At<'_>) -> Read<Vec<WireType>> {
    let types = value.list(EVENT_TYPES_PER_ENDPOINT, |value| {
        read_type(value, api, organization)
    })?;
    if types.is_empty() {
        return wrong(Code::EmptyFilter, "Choose at least one event type.");
    }
    let twice: Vec<Fault> = types
        .iter()
        .enumerate()
        .filter(|(index, wire)| types.iter().take(*index).any(|other| other == *wire))
        .map(|(index, _)| Fault::new(format!("/{index}"), Code::Duplicate, "Given twice."))
        .collect();
    if twice.is_empty() {
        Ok(types)
    } else {
        Err(twice)
    }
}

pub(super) fn read_headers(value: Value<'_>, api: &Shared) -> Read<CustomHeaders> {
    CustomHeaders::parse(value.strings()?, &api.signature_header).map_err(|error| {
        let pointer = error.header().map(segment).unwrap_or_default();
        let code = Code::named(error.code());
        vec![Fault::new(pointer, code, sentence(&error.to_string()))]
    })
}

fn read_description(value: Value<'_>) -> Read<String> {
    value.words(0..=TEXT_CHARS)
}

fn read_secret(value: Value<'_>) -> Read<Secret> {
    Secret::imported(value.string()?.into_bytes())
        .or_else(|error| wrong(Code::InvalidSecret, sentence(&error.to_string())))
}

const READ_ONLY: &[&str] = &[
    "id",
    "organization_id",
    "status",
    "created_at",
    "updated_at",
];

/// Where an endpoint is made or changed.
type At<'a> = (&'a Shared, OrganizationId);

pub(super) fn read(body: &[u8], at: At<'_>) -> Result<Input, Problem> {
    let (api, _) = at;
    let mut fields = Fields::of(
        body,
        Known {
            fields: &[
                "url",
                "event_types",
                "description",
                "enabled",
                "headers",
                "secret",
            ],
            read_only: READ_ONLY,
        },
    )?;
    let url = fields.required("url", |value| read_url(value, api));
    let event_types = fields.required("event_types", |value| read_types(value, at));
    let description = fields.optional("description", read_description);
    let enabled = fields.optional("enabled", Value::boolean);
    let headers = fields.optional("headers", |value| read_headers(value, api));
    let secret = fields.optional("secret", read_secret);
    fields.finish(url.zip(event_types).map(|(url, event_types)| Input {
        url,
        description,
        event_types,
        enabled,
        headers,
        secret,
    }))
}

pub(super) fn read_patch(body: &[u8], at: At<'_>) -> Result<PatchInput, Problem> {
    let (api, _) = at;
    let mut fields = Fields::of(
        body,
        Known {
            fields: &[
                "url",
                "event_types",
                "description",
                "enabled",
                "held",
                "headers",
            ],
            read_only: READ_ONLY,
        },
    )?;
    let enabled = fields.optional("enabled", Value::boolean);
    let input = PatchInput {
        url: fields.optional("url", |value| read_url(value, api)),
        description: fields.optional("description", read_description),
        event_types: fields.optional("event_types", |value| read_types(value, at)),
        enabled,
        held: read_held(&mut fields, enabled),
        headers: fields.optional("headers", |value| read_headers(value, api)),
    };
    fields.finish(Some(input))
}

/// Reads `held`, which goes with switching on alone.
pub(super) fn read_held(fields: &mut Fields<'_>, enabled: Option<bool>) -> Option<Held> {
    let choices = [("send", Held::Send), ("discard", Held::Discard)];
    let held = fields.optional("held", |value| value.choice(&choices));
    if held.is_some() && enabled != Some(true) {
        fields.refuse(
            "held",
            Code::InvalidValue,
            "Only together with \"enabled\": true.",
        );
    }
    held
}
