//! The endpoints of one organization: which of the file is which of the server, and what follows. Pure.
//!
//! An id is the server's. One that the file gives and the server has decides; every other endpoint is found by its URL
//! within the organization. Where a URL stands several times, as many in the file as on the server are paired in their
//! order, and anything else is refused rather than guessed.

use super::change::{Change, Difference, EndpointPatch, NewEndpoint, list};
use super::document::{Document, EndpointWanted, Given};
use super::node::quoted;
use super::plan::{Planning, Prune, refuse_choice};
use super::state::{EndpointState, State};
use std::collections::{BTreeMap, BTreeSet};
use tidings_core::limits::ENDPOINTS_PER_ORGANIZATION;

/// The words of a missing add-on.
pub(super) fn no_add_on(organization: i64, what: &str) -> String {
    format!(
        "{what}: organization {organization} has no add-on that webhooks are part of; give it api_access or crm_integrations"
    )
}

pub(super) fn plan(
    planning: &mut Planning,
    organization: i64,
    wanted: &[EndpointWanted],
    prune: Prune,
) {
    let Some(record) = planning.state.organizations.get(&organization) else {
        return;
    };
    let had = record.endpoints.clone();
    let granted = record.granted();
    let pairs = pair(
        &mut |place, words| planning.problem(place, words),
        wanted,
        &had,
    );
    if prune == Prune::Yes {
        let kept: BTreeSet<&str> = pairs.values().map(|found| found.id.as_str()).collect();
        for endpoint in had.iter().filter(|endpoint| !kept.contains(&*endpoint.id)) {
            let change = Change::DeleteEndpoint {
                organization,
                id: endpoint.id.clone(),
                url: endpoint.url.clone(),
            };
            planning.change(change, Vec::new());
        }
    }
    for (index, endpoint) in wanted.iter().enumerate() {
        if let Some(before) = pairs.get(&index) {
            patch(planning, organization, endpoint, before);
        }
    }
    for (index, endpoint) in wanted.iter().enumerate() {
        if !pairs.contains_key(&index) {
            if !granted {
                planning.problem(&endpoint.place, no_add_on(organization, "a new endpoint"));
            }
            create(planning, organization, endpoint);
        }
    }
    let record = planning.state.organizations.get(&organization);
    if record.is_some_and(|record| record.endpoints.len() > ENDPOINTS_PER_ORGANIZATION) {
        let place = wanted.first().map_or("", |endpoint| &endpoint.place);
        let words = format!(
            "organization {organization} would have more than {ENDPOINTS_PER_ORGANIZATION} endpoints"
        );
        planning.problem(place, words);
    }
}

/// By index in the file: the server's endpoint.
fn pair<'a>(
    problem: &mut dyn FnMut(&str, String),
    wanted: &[EndpointWanted],
    had: &'a [EndpointState],
) -> BTreeMap<usize, &'a EndpointState> {
    let mut pairs = BTreeMap::new();
    let by_id: BTreeMap<&str, &EndpointState> =
        had.iter().map(|found| (found.id.as_str(), found)).collect();
    let mut named = BTreeSet::new();
    let mut unnamed: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, endpoint) in wanted.iter().enumerate() {
        match endpoint.id.as_deref().and_then(|id| by_id.get(id)) {
            Some(found) => {
                named.insert(found.id.as_str());
                pairs.insert(index, *found);
            }
            None => unnamed.entry(&endpoint.url).or_default().push(index),
        }
    }
    let mut by_url: BTreeMap<&str, Vec<&EndpointState>> = BTreeMap::new();
    for found in had.iter().filter(|found| !named.contains(&*found.id)) {
        by_url.entry(&found.url).or_default().push(found);
    }
    for (url, indices) in unnamed {
        let found = by_url.remove(url).unwrap_or_default();
        if found.is_empty() || found.len() == indices.len() {
            pairs.extend(indices.into_iter().zip(found));
            continue;
        }
        let place = indices.first().and_then(|index| wanted.get(*index));
        let ids: Vec<&str> = found.iter().map(|found| found.id.as_str()).collect();
        let words = format!(
            "{url} stands here {} times without an id that the server knows, and the server has {} of them; say by `id` \
             which is meant: {}",
            indices.len(),
            found.len(),
            ids.join(", ")
        );
        problem(place.map_or("", |endpoint| &endpoint.place), words);
    }
    pairs
}

fn create(planning: &mut Planning, organization: i64, wanted: &EndpointWanted) {
    let Some(event_types) = wanted.event_types.clone() else {
        let words = "a new endpoint needs event_types";
        return planning.problem(&wanted.place, words);
    };
    refuse_choice(planning, &wanted.place, &event_types);
    let given = wanted.headers.as_ref();
    let headers = given.and_then(|given| all_values(planning, wanted, given));
    let endpoint = NewEndpoint {
        url: wanted.url.clone(),
        description: wanted.description.clone().unwrap_or_default(),
        event_types,
        enabled: wanted.enabled.unwrap_or(true),
        headers: headers.unwrap_or_default(),
        secret: wanted.secret.clone(),
    };
    let mut differences = vec![Difference::new(
        "event_types",
        None,
        list(&endpoint.event_types),
    )];
    if !endpoint.description.is_empty() {
        let text = quoted(&endpoint.description);
        differences.push(Difference::new("description", None, text));
    }
    if !endpoint.enabled {
        differences.push(Difference::new("enabled", None, String::from("false")));
    }
    if !endpoint.headers.is_empty() {
        let names = endpoint.headers.keys().cloned().collect();
        differences.push(Difference::new("headers", None, list(&names)));
    }
    let secret = match endpoint.secret {
        Some(_) => "given",
        None => "made by the server",
    };
    differences.push(Difference::new("secret", None, quoted(secret)));
    let change = Change::CreateEndpoint {
        organization,
        endpoint: Box::new(endpoint),
        place: wanted.place.clone(),
    };
    planning.change(change, differences);
}

/// All values of headers; `None`, and a problem, if one is missing.
fn all_values(
    planning: &mut Planning,
    wanted: &EndpointWanted,
    given: &BTreeMap<String, Option<Given>>,
) -> Option<BTreeMap<String, String>> {
    let mut values = BTreeMap::new();
    for (name, value) in given {
        if let Some(Given::Text(value)) = value {
            values.insert(name.clone(), value.clone());
        } else {
            let words = format!(
                "header `{name}` has no value, and servers never show one: headers are set all together, so give it"
            );
            planning.problem(&wanted.place, words);
        }
    }
    (values.len() == given.len()).then_some(values)
}

fn patch(
    planning: &mut Planning,
    organization: i64,
    wanted: &EndpointWanted,
    before: &EndpointState,
) {
    let mut patch = EndpointPatch::default();
    let mut differences = Vec::new();
    if wanted.url != before.url {
        patch.url = Some(wanted.url.clone());
        let had = Some(quoted(&before.url));
        differences.push(Difference::new("url", had, quoted(&wanted.url)));
    }
    if let Some(text) = changed(wanted.description.as_ref(), &before.description) {
        let had = Some(quoted(&before.description));
        differences.push(Difference::new("description", had, quoted(text)));
        patch.description = Some(text.clone());
    }
    if let Some(types) = changed(wanted.event_types.as_ref(), &before.event_types) {
        refuse_choice(planning, &wanted.place, types);
        let had = Some(list(&before.event_types));
        differences.push(Difference::new("event_types", had, list(types)));
        patch.event_types = Some(types.clone());
    }
    if let Some(enabled) = changed(wanted.enabled.as_ref(), &before.enabled) {
        let record = planning.state.organizations.get(&organization);
        if *enabled && !record.is_some_and(|record| record.granted()) {
            let words = no_add_on(organization, "enabled: true");
            planning.problem(&wanted.place, words);
        }
        let had = Some(before.enabled.to_string());
        differences.push(Difference::new("enabled", had, enabled.to_string()));
        patch.enabled = Some(*enabled);
    }
    if let Some(given) = wanted.headers.as_ref().filter(|given| !same(given, before)) {
        patch.headers = all_values(planning, wanted, given);
        let names = |names: &mut dyn Iterator<Item = &String>| list(&names.cloned().collect());
        let had = Some(names(&mut before.headers.keys()));
        differences.push(Difference::new("headers", had, names(&mut given.keys())));
    }
    if !differences.is_empty() {
        let change = Change::PatchEndpoint {
            organization,
            id: before.id.clone(),
            url: before.url.clone(),
            patch: Box::new(patch),
        };
        planning.change(change, differences);
    }
}

fn changed<'a, T: PartialEq>(wanted: Option<&'a T>, before: &T) -> Option<&'a T> {
    wanted.filter(|wanted| *wanted != before)
}

/// Whether the headers are as they are to be: the same names, and each value kept or the same.
fn same(given: &BTreeMap<String, Option<Given>>, before: &EndpointState) -> bool {
    given.len() == before.headers.len()
        && given.iter().all(|(name, value)| {
            let had = before.headers.get(name);
            match (value, had) {
                (_, None) => false,
                (None, Some(_)) => true,
                (Some(Given::Text(value)), Some(Some(had))) => value == had,
                (Some(_), Some(_)) => false,
            }
        })
}

/// Which values of headers the server must be asked about: organization, endpoint, and what the file gives for headers
/// that the endpoint has.
pub(super) fn comparable(
    state: &State,
    document: &Document,
) -> Vec<(i64, String, BTreeMap<String, String>)> {
    let mut asked = Vec::new();
    for (organization, wanted) in document.organizations.iter().flatten() {
        let (Some(endpoints), Some(record)) =
            (&wanted.endpoints, state.organizations.get(organization))
        else {
            continue;
        };
        // What is wrong with the pairs, planning says.
        for (index, found) in pair(&mut |_, _| {}, endpoints, &record.endpoints) {
            let given = endpoints
                .get(index)
                .and_then(|wanted| wanted.headers.as_ref());
            let values = given
                .into_iter()
                .flatten()
                .filter_map(|(name, value)| match value {
                    Some(Given::Text(value)) if found.headers.contains_key(name) => {
                        Some((name.clone(), value.clone()))
                    }
                    _ => None,
                });
            let values: BTreeMap<String, String> = values.collect();
            if !values.is_empty() {
                asked.push((*organization, found.id.clone(), values));
            }
        }
    }
    asked
}
