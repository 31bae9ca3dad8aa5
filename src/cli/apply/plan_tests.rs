//! What a plan promises, on servers and files that chance makes: it leads to what is wanted, a second one is empty, and
//! what the files do not speak of stays.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::change::Change;
use super::document::{Document, EndpointWanted, Given, OrganizationWanted, TypeWanted};
use super::plan::{Prune, plan};
use super::state::{EndpointState, Kept, OrganizationState, State, TypeState};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const TYPES: [&str; 3] = ["order.shipped", "order.public.shipped", "project.updated"];
const URLS: [&str; 3] = [
    "https://a.example/",
    "https://b.example/",
    "https://c.example/",
];

fn set(names: impl IntoIterator<Item = &'static str>) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

fn some_types() -> impl Strategy<Value = BTreeSet<String>> {
    prop::sample::subsequence(TYPES.to_vec(), 1..=3).prop_map(set)
}

fn add_ons() -> impl Strategy<Value = BTreeSet<String>> {
    prop::sample::subsequence(vec!["api_access", "crm_integrations"], 0..=2).prop_map(set)
}

prop_compose! {
    fn catalogue()(on in any::<[bool; 3]>(), had in 0..=3_usize) -> BTreeMap<String, TypeState> {
        TYPES.iter().zip(on).take(had).map(|(name, enabled)| ((*name).to_owned(), TypeState {
            enabled,
            label: (*name).to_owned(),
            description: String::new(),
            enforced: false,
            schema: None,
            example: None,
            compatible: *name == "project.updated",
        })).collect()
    }
}

prop_compose! {
    fn endpoint_state()(url in 0..3_usize, description in "[a-b]?", event_types in some_types(), enabled in any::<bool>(),
        header in prop::option::of("[x-y]")) -> EndpointState {
        let headers = header.map(|value| (String::from("x-team"), Some(value)));
        EndpointState { id: String::new(), url: URLS[url].to_owned(), description, event_types, enabled, headers: headers.into_iter().collect() }
    }
}

prop_compose! {
    fn kept()(bodies in prop::option::of(1_u32..3), attempts in prop::option::of(3_u32..5)) -> Kept {
        Kept { bodies, attempts }
    }
}

prop_compose! {
    fn organization_state()(name in "[a-c]", kept in kept(), add_ons in add_ons(), webhooks in any::<bool>(),
        mut endpoints in prop::collection::vec(endpoint_state(), 0..4)) -> OrganizationState {
        for (index, endpoint) in endpoints.iter_mut().enumerate() {
            endpoint.id = format!("ep_{index}");
        }
        OrganizationState { name, slug: None, kept, add_ons, webhooks, endpoints }
    }
}

prop_compose! {
    fn state()(types in catalogue(), organizations in prop::collection::btree_map(1..4_i64, organization_state(), 0..3)) -> State {
        State { types, organizations }
    }
}

prop_compose! {
    fn endpoint_wanted()(id in prop::option::of(0..3_usize), url in 0..3_usize, description in prop::option::of("[a-b]?"),
        event_types in prop::option::of(some_types()), enabled in prop::option::of(any::<bool>()),
        headers in prop::option::of(prop::option::of("[x-y]"))) -> EndpointWanted {
        let headers = headers.map(|value| value.map(|value| (String::from("x-team"), Some(Given::Text(value)))).into_iter().collect());
        EndpointWanted { id: id.map(|id| format!("ep_{id}")), url: URLS[url].to_owned(), description, event_types, enabled, headers,
            ..EndpointWanted::default() }
    }
}

prop_compose! {
    fn organization_wanted()(name in prop::option::of("[a-c]"), kept in prop::option::of(kept()), add_ons in prop::option::of(add_ons()),
        webhooks in prop::option::of(any::<bool>()),
        endpoints in prop::option::of(prop::collection::vec(endpoint_wanted(), 0..4))) -> OrganizationWanted {
        let endpoints = endpoints.map(|mut endpoints| {
            let mut seen = BTreeSet::new();
            endpoints.retain(|endpoint| endpoint.id.as_ref().is_none_or(|id| seen.insert(id.clone())));
            endpoints
        });
        OrganizationWanted { name, kept, add_ons, webhooks, endpoints, ..OrganizationWanted::default() }
    }
}

prop_compose! {
    fn document()(types in prop::collection::btree_map(0..3_usize, prop::option::of(any::<bool>()), 0..3),
        organizations in prop::option::of(prop::collection::btree_map(1..4_i64, organization_wanted(), 0..3))) -> Document {
        let types = types.into_iter().map(|(index, enabled)| (TYPES[index].to_owned(), TypeWanted { enabled, ..TypeWanted::default() }));
        Document { types: types.collect(), organizations }
    }
}

fn carried_out(state: &State, changes: &[super::change::Planned]) -> State {
    let mut after = state.clone();
    for planned in changes {
        after.after(&planned.change);
    }
    after
}

/// Whether what the file says of this endpoint is so.
fn holds(wanted: &EndpointWanted, is: &EndpointState) -> bool {
    let headers = wanted.headers.as_ref().is_none_or(|headers| {
        headers.len() == is.headers.len()
            && headers.iter().all(|(name, value)| match value {
                Some(Given::Text(value)) => is.headers.get(name) == Some(&Some(value.clone())),
                _ => is.headers.contains_key(name),
            })
    });
    wanted.url == is.url
        && wanted
            .description
            .as_ref()
            .is_none_or(|text| *text == is.description)
        && wanted
            .event_types
            .as_ref()
            .is_none_or(|types| *types == is.event_types)
        && wanted.enabled.is_none_or(|enabled| enabled == is.enabled)
        && headers
}

/// Whether every endpoint of the file can be given one of the server's that no other is given. All ways are tried: one
/// of which the file says little would fit where another has its only place.
fn each_has_its_own(wanted: &[EndpointWanted], are: &[&EndpointState]) -> bool {
    let Some((first, rest)) = wanted.split_first() else {
        return true;
    };
    (0..are.len()).any(|index| {
        let mut left = are.to_vec();
        holds(first, left.remove(index)) && each_has_its_own(rest, &left)
    })
}

fn check_wanted(document: &Document, after: &State, prune: Prune) {
    for (name, wanted) in &document.types {
        let enabled = wanted.enabled;
        assert!(enabled.is_none_or(|enabled| after.types[name].enabled == enabled));
    }
    let Some(organizations) = &document.organizations else {
        return;
    };
    for (id, wanted) in organizations {
        let is = &after.organizations[id];
        assert!(wanted.name.as_ref().is_none_or(|name| *name == is.name));
        assert!(
            wanted
                .add_ons
                .as_ref()
                .is_none_or(|add_ons| *add_ons == is.add_ons)
                && wanted.kept.is_none_or(|kept| kept == is.kept)
        );
        assert!(
            wanted
                .webhooks
                .is_none_or(|webhooks| webhooks == is.webhooks)
        );
        let Some(endpoints) = &wanted.endpoints else {
            continue;
        };
        let are = is.endpoints.iter().collect::<Vec<_>>();
        assert!(
            each_has_its_own(endpoints, &are),
            "{endpoints:?} in {are:?}"
        );
        assert!(prune == Prune::No || endpoints.len() == are.len());
    }
    if prune == Prune::Yes {
        let kept: Vec<&i64> = after.organizations.keys().collect();
        assert_eq!(kept, organizations.keys().collect::<Vec<_>>());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_leads_to_what_is_wanted_and_a_second_one_is_empty(state in state(), document in document(), pruned in any::<bool>()) {
        let prune = if pruned { Prune::Yes } else { Prune::No };
        if let Ok(changes) = plan(&state, &document, prune) {
            let mut after = carried_out(&state, &changes);
            check_wanted(&document, &after, prune);
            // As a server would: ids are its own.
            for record in after.organizations.values_mut() {
                for (index, endpoint) in record.endpoints.iter_mut().enumerate().filter(|(_, endpoint)| endpoint.id == "(new)") {
                    endpoint.id = format!("ep_made_{index}");
                }
            }
            match plan(&after, &document, prune) {
                Ok(again) => prop_assert_eq!(again, Vec::new()),
                // The same URL stood there already, under an id that the file names for another: only ids can tell.
                Err(problems) => prop_assert!(problems.iter().all(|problem| problem.contains("say by `id`")), "{:?}", problems),
            }
        }
    }

    #[test]
    fn what_the_files_do_not_speak_of_stays(state in state(), document in document()) {
        if let Ok(changes) = plan(&state, &document, Prune::No) {
            let deletes = changes.iter().any(|planned| matches!(planned.change, Change::DeleteEndpoint { .. } | Change::DeleteOrganization { .. }));
            prop_assert!(!deletes);
            let after = carried_out(&state, &changes);
            let named = document.organizations.clone().unwrap_or_default();
            for (id, record) in &state.organizations {
                if !named.contains_key(id) {
                    prop_assert_eq!(record, &after.organizations[id]);
                }
            }
        }
    }
}

fn one(organization: OrganizationWanted) -> Document {
    Document {
        organizations: Some(BTreeMap::from([(7, organization)])),
        ..Document::default()
    }
}

fn server(add_ons: BTreeSet<String>, urls: &[&str]) -> State {
    let endpoint = |(index, url): (usize, &&str)| EndpointState {
        id: format!("ep_{index}"),
        url: (*url).to_owned(),
        event_types: set(["project.updated"]),
        enabled: true,
        headers: BTreeMap::from([(String::from("x-team"), None)]),
        ..EndpointState::default()
    };
    let record = OrganizationState {
        name: String::from("Seven"),
        add_ons,
        webhooks: true,
        endpoints: urls.iter().enumerate().map(endpoint).collect(),
        ..OrganizationState::default()
    };
    let entry = TypeState {
        enabled: true,
        label: String::new(),
        description: String::new(),
        enforced: false,
        schema: None,
        example: None,
        compatible: true,
    };
    State {
        types: BTreeMap::from([(String::from("project.updated"), entry)]),
        organizations: BTreeMap::from([(7, record)]),
    }
}

fn check_refused(state: &State, wanted: OrganizationWanted, words: &str) {
    let problems = plan(state, &one(wanted), Prune::No).unwrap_err();
    assert!(
        problems.iter().any(|problem| problem.contains(words)),
        "{words}: {problems:?}"
    );
}

fn endpoints(endpoints: Vec<EndpointWanted>) -> OrganizationWanted {
    OrganizationWanted {
        endpoints: Some(endpoints),
        ..OrganizationWanted::default()
    }
}

fn at(url: &str, types: &'static [&'static str]) -> EndpointWanted {
    EndpointWanted {
        url: url.to_owned(),
        event_types: Some(set(types.iter().copied())),
        ..EndpointWanted::default()
    }
}

#[test]
fn what_the_server_would_refuse_is_refused_before_anything_is_changed() {
    let with = server(
        set(["api_access"]),
        &["https://a.example/", "https://a.example/"],
    );
    let without = server(BTreeSet::new(), &[]);
    let new = || at("https://new.example/", &["project.updated"]);
    check_refused(&without, endpoints(vec![new()]), "has no add-on");
    check_refused(
        &with,
        endpoints(vec![at("https://new.example/", &["project.updatd"])]),
        "did you mean `project.updated`?",
    );
    let known = || at("https://a.example/", &["project.updated"]);
    check_refused(&with, endpoints(vec![known()]), "ep_0, ep_1");
    let mut kept = new();
    kept.headers = Some(BTreeMap::from([(String::from("x-team"), None)]));
    check_refused(&with, endpoints(vec![kept]), "header `x-team` has no value");
    let nameless = Document {
        organizations: Some(BTreeMap::from([(8, OrganizationWanted::default())])),
        ..Document::default()
    };
    assert!(plan(&with, &nameless, Prune::No).unwrap_err()[0].contains("needs a name"));
}

#[test]
fn an_add_on_ends_after_what_needed_it_and_the_switch_is_off_before_anything_new() {
    let state = server(set(["api_access"]), &[]);
    let mut wanted = endpoints(vec![at("https://new.example/", &["project.updated"])]);
    wanted.add_ons = Some(BTreeSet::new());
    wanted.webhooks = Some(false);
    let changes = plan(&state, &one(wanted), Prune::No).unwrap();
    let acts: Vec<_> = changes
        .iter()
        .map(|planned| match &planned.change {
            Change::SetWebhooks { enabled, .. } => format!("webhooks {enabled}"),
            Change::CreateEndpoint { .. } => String::from("endpoint"),
            Change::PutOrganization { .. } => String::from("add-ons"),
            other => format!("{other:?}"),
        })
        .collect();
    // The first endpoint opens the switch, so it is closed again.
    assert_eq!(
        acts,
        ["webhooks false", "endpoint", "webhooks false", "add-ons"]
    );
}
