//! What a server has, read through its API.

use super::document::Document;
use super::endpoint_plan::comparable;
use super::node::{Kind, Node, parse_json, quoted};
use super::plan::Prune;
use super::state::{EndpointState, OrganizationState, State, TypeState};
use crate::cli::client::{Client, Reply};
use crate::cli::output::Failure;
use hyper::Method;
use std::collections::BTreeMap;

/// Entries on one page.
const PAGE: usize = 100;

fn unreadable(path: &str) -> Failure {
    Failure::Failed(format!(
        "{path}: the server's answer cannot be read; are this program and the server of one version?"
    ))
}

fn node(path: &str, reply: &Reply) -> Result<Node, Failure> {
    let text = std::str::from_utf8(&reply.text).ok();
    text.and_then(|text| parse_json(text).ok())
        .ok_or_else(|| unreadable(path))
}

/// What is there, if it is.
async fn get(client: &mut Client, path: &str) -> Result<Option<Node>, Failure> {
    let reply = client.call(Method::GET, path, None).await?;
    if reply.status == 404 {
        return Ok(None);
    }
    let shown = node(path, &reply);
    reply.ok()?;
    shown.map(Some)
}

/// All entries of a list, in its order.
async fn all<T>(
    client: &mut Client,
    list: &str,
    read: impl Fn(&Node) -> Option<T>,
) -> Result<Vec<T>, Failure> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("{list}?limit={PAGE}{cursor}");
        let page = get(client, &path).await?.ok_or_else(|| unreadable(&path))?;
        let Some(Kind::List(items)) = page.member("data").map(|data| &data.kind) else {
            return Err(unreadable(&path));
        };
        for item in items {
            found.push(read(item).ok_or_else(|| unreadable(&path))?);
        }
        match page.member("next_cursor").and_then(Node::text) {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(found),
        }
    }
}

/// The catalogue.
pub async fn types(client: &mut Client) -> Result<BTreeMap<String, TypeState>, Failure> {
    let path = "/v1/event-types";
    let shown = get(client, path).await?.ok_or_else(|| unreadable(path))?;
    let Some(Kind::List(items)) = shown.member("data").map(|data| &data.kind) else {
        return Err(unreadable(path));
    };
    let read = |item| TypeState::read(item).ok_or_else(|| unreadable(path));
    items.iter().map(read).collect()
}

/// One event type.
pub async fn event_type(client: &mut Client, name: &str) -> Result<Option<TypeState>, Failure> {
    let path = format!("/v1/event-types/{name}");
    let shown = get(client, &path).await?;
    let read = |shown: Node| TypeState::read(&shown).ok_or_else(|| unreadable(&path));
    Ok(shown.map(read).transpose()?.map(|(_, entry)| entry))
}

/// All organizations, without their endpoints.
pub async fn organizations(
    client: &mut Client,
) -> Result<BTreeMap<i64, OrganizationState>, Failure> {
    let found = all(client, "/v1/organizations", OrganizationState::read).await?;
    Ok(found.into_iter().collect())
}

/// One organization, without its endpoints.
pub async fn organization(
    client: &mut Client,
    id: i64,
) -> Result<Option<OrganizationState>, Failure> {
    let path = format!("/v1/organizations/{id}");
    let shown = get(client, &path).await?;
    let read = |shown: Node| OrganizationState::read(&shown).ok_or_else(|| unreadable(&path));
    Ok(shown.map(read).transpose()?.map(|(_, record)| record))
}

/// An organization's endpoints, oldest first.
pub async fn endpoints(client: &mut Client, id: i64) -> Result<Vec<EndpointState>, Failure> {
    let path = format!("/v1/organizations/{id}/endpoints");
    let mut found = all(client, &path, EndpointState::read).await?;
    if let Some(masked) = found.iter().find(|found| is_masked(&found.url)) {
        // A file with masked URLs, applied, would set them.
        return Err(Failure::Failed(format!(
            "this key is shown the URLs of organization {id} masked ({}): use an operator's key, or one of the organization's administrator",
            masked.url
        )));
    }
    found.reverse();
    Ok(found)
}

/// Whether a URL is what viewers are shown of one: scheme and host. Targets have no bare `…` in them.
pub fn is_masked(url: &str) -> bool {
    url.ends_with("/…")
}

/// One endpoint.
pub async fn endpoint(
    client: &mut Client,
    organization: i64,
    id: &str,
) -> Result<Option<EndpointState>, Failure> {
    let path = format!("/v1/organizations/{organization}/endpoints/{id}");
    let shown = get(client, &path).await?;
    let read = |shown: Node| EndpointState::read(&shown).ok_or_else(|| unreadable(&path));
    shown.map(read).transpose()
}

/// As much of the server as the files speak of, or with [`Prune::Yes`] could make an end of.
pub async fn state(
    client: &mut Client,
    document: &Document,
    prune: Prune,
) -> Result<State, Failure> {
    let mut state = State {
        types: types(client).await?,
        organizations: BTreeMap::new(),
    };
    if let Some(wanted) = &document.organizations {
        if prune == Prune::Yes {
            state.organizations = organizations(client).await?;
        } else {
            for id in wanted.keys() {
                if let Some(record) = organization(client, *id).await? {
                    state.organizations.insert(*id, record);
                }
            }
        }
    }
    for (id, record) in &mut state.organizations {
        record.endpoints = endpoints(client, *id).await?;
    }
    learn_headers(client, document, &mut state).await?;
    Ok(state)
}

/// Asks which of the given values of headers are those that the server has.
async fn learn_headers(
    client: &mut Client,
    document: &Document,
    state: &mut State,
) -> Result<(), Failure> {
    for (organization, id, values) in comparable(state, document) {
        let path = format!("/v1/organizations/{organization}/endpoints/{id}/headers/compare");
        let members = values
            .iter()
            .map(|(name, value)| format!("{}:{}", quoted(name), quoted(value)));
        let body = format!(
            "{{\"headers\":{{{}}}}}",
            members.collect::<Vec<_>>().join(",")
        );
        let reply = client
            .call(Method::POST, &path, Some(body.as_bytes()))
            .await?;
        let answer = reply.ok()?;
        let differing = answer
            .get("differing")
            .and_then(serde_json::Value::as_array);
        let differing = differing.ok_or_else(|| unreadable(&path))?;
        let record = state.organizations.get_mut(&organization);
        let found = record.and_then(|record| record.endpoints.iter_mut().find(|e| e.id == id));
        let Some(endpoint) = found else { continue };
        for (name, value) in values {
            let differs = differing.iter().any(|other| other.as_str() == Some(&name));
            if !differs && let Some(known) = endpoint.headers.get_mut(&name) {
                *known = Some(value);
            }
        }
    }
    Ok(())
}
