//! The decision: from what a server has and what the files want to the changes that lead there, in an order in which
//! each is possible. Pure.
//!
//! Invariants, proved in [`super::plan_tests`]: the changes applied to the state give what is wanted; planned again there
//! is nothing to do; what the files do not speak of is not touched without [`Prune::Yes`].
//!
//! The order: event types that are made, changed or switched on; organization by organization (add-ons before what needs
//! them, the switch off before anything new, deletions before additions); event types switched off; organizations
//! deleted last.

use super::change::{Change, Difference, Planned, list};
use super::document::{Document, OrganizationWanted, TypeWanted};
use super::endpoint_plan;
use super::node::{Node, quoted};
use super::state::{Kept, OrganizationState, State, TypeState};
use crate::config::nearest;
use std::collections::BTreeSet;
use tidings_core::event_type::WireType;
use tidings_core::notice;

/// Whether what the files do not name is deleted, where they speak of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prune {
    No,
    Yes,
}

/// What is being gathered.
pub(super) struct Planning {
    /// The server as it is after the changes so far.
    pub state: State,
    pub changes: Vec<Planned>,
    /// Why it cannot be done, each with its place.
    pub problems: Vec<String>,
}

impl Planning {
    pub fn change(&mut self, change: Change, differences: Vec<Difference>) {
        self.state.after(&change);
        self.changes.push(Planned {
            change,
            differences,
        });
    }

    pub fn problem(&mut self, place: &str, words: impl AsRef<str>) {
        self.problems.push(format!("{place}: {}", words.as_ref()));
    }
}

/// Plans.
///
/// # Errors
/// Everything that the server would refuse on the way and that can be seen before.
pub fn plan(state: &State, document: &Document, prune: Prune) -> Result<Vec<Planned>, Vec<String>> {
    let mut planning = Planning {
        state: state.clone(),
        changes: Vec::new(),
        problems: Vec::new(),
    };
    let off = plan_types(&mut planning, document);
    let wanted = document.organizations.iter().flatten();
    for (id, organization) in wanted {
        plan_organization(&mut planning, *id, organization, prune);
    }
    for name in off {
        switch_off(&mut planning, &name);
    }
    if let (Prune::Yes, Some(wanted)) = (prune, &document.organizations) {
        let unnamed = |id: &&i64| !wanted.contains_key(id);
        let unnamed: Vec<i64> = state
            .organizations
            .keys()
            .filter(unnamed)
            .copied()
            .collect();
        for id in unnamed {
            delete(&mut planning, id);
        }
    }
    if planning.problems.is_empty() {
        Ok(planning.changes)
    } else {
        Err(planning.problems)
    }
}

fn delete(planning: &mut Planning, id: i64) {
    if let Some(record) = planning.state.organizations.get(&id) {
        let change = Change::DeleteOrganization {
            id,
            name: record.name.clone(),
            endpoints: record.endpoints.len(),
        };
        planning.change(change, Vec::new());
    }
}

/// Types to make and to change; answers those to switch off at the end, when nothing new chooses them any more.
fn plan_types(planning: &mut Planning, document: &Document) -> Vec<String> {
    let mut off = Vec::new();
    let mut names: Vec<&String> = document.types.keys().collect();
    // A public form needs its own form.
    names.sort_by_key(|name| (name.split('.').count(), name.as_str()));
    for name in names {
        let Some(wanted) = document.types.get(name) else {
            continue;
        };
        let before = planning.state.types.get(name).cloned();
        let goal = goal(name, wanted, before.as_ref());
        refuse_type(planning, name, wanted, before.as_ref(), &goal);
        let mut now = goal.clone();
        // One that is switched off is on until its endpoints have been made: they may choose only what is on.
        now.enabled = match &before {
            Some(before) => goal.enabled || before.enabled,
            None => true,
        };
        if now.enabled && !goal.enabled {
            off.push(name.clone());
        }
        if before.as_ref() != Some(&now) {
            put_type(planning, name, before.as_ref(), now);
        }
    }
    off
}

fn goal(name: &str, wanted: &TypeWanted, before: Option<&TypeState>) -> TypeState {
    let mut goal = before.cloned().unwrap_or_else(|| TypeState {
        enabled: true,
        label: name.to_owned(),
        description: String::new(),
        enforced: false,
        schema: None,
        example: None,
        compatible: false,
    });
    goal.enabled = wanted.enabled.unwrap_or(goal.enabled);
    goal.label = wanted.label.clone().unwrap_or(goal.label);
    goal.description = wanted.description.clone().unwrap_or(goal.description);
    goal.enforced = wanted.enforced.unwrap_or(goal.enforced);
    goal.schema = wanted.schema.clone().or(goal.schema);
    goal.example = wanted.example.clone().or(goal.example);
    goal
}

fn is_notice(name: &str) -> bool {
    WireType::parse(name).is_ok_and(|wire| notice::Kind::of(&wire).is_some())
}

fn refuse_type(
    planning: &mut Planning,
    name: &str,
    wanted: &TypeWanted,
    before: Option<&TypeState>,
    goal: &TypeState,
) {
    if before.is_none() && is_notice(name) {
        let words = format!(
            "`{name}` is the server's own, there once `notices.organization` is set: take it out of the file"
        );
        planning.problem(&wanted.place, words);
    }
    if goal.enforced && goal.schema.is_none() {
        planning.problem(&wanted.place, "enforced: there is no schema to enforce");
    }
    if let Some(before) = before.filter(|before| before.compatible) {
        let mut switched = before.clone();
        switched.enabled = goal.enabled;
        if switched != *goal {
            let words =
                format!("`{name}` is of the compatible set: it can be switched, not changed");
            planning.problem(&wanted.place, words);
        }
    }
    let own = name.replace(".public.", ".");
    if before.is_none() && own != name && !planning.state.types.contains_key(&own) {
        let words = format!("`{name}` needs its own form `{own}`, which is in neither place");
        planning.problem(&wanted.place, words);
    }
}

fn put_type(planning: &mut Planning, name: &str, before: Option<&TypeState>, wanted: TypeState) {
    let json = |node: &Option<Node>| node.as_ref().map_or_else(String::new, Node::json);
    let shown = |state: &TypeState| {
        [
            ("label", quoted(&state.label)),
            ("description", quoted(&state.description)),
            ("enabled", state.enabled.to_string()),
            ("enforced", state.enforced.to_string()),
            ("schema", json(&state.schema)),
            ("example", json(&state.example)),
        ]
    };
    let had = before.map(shown);
    let mut differences = Vec::new();
    for (index, (field, after)) in shown(&wanted).into_iter().enumerate() {
        let before = had.as_ref().and_then(|had| had.get(index));
        let before = before.map(|(_, json)| json.clone());
        if before.as_ref() != Some(&after) && !after.is_empty() {
            let before = before.filter(|json| !json.is_empty());
            differences.push(Difference::new(field, before, after));
        }
    }
    let change = Change::PutType {
        name: name.to_owned(),
        new: before.is_none(),
        wanted,
        sent: differences
            .iter()
            .map(|difference| difference.field)
            .collect(),
    };
    planning.change(change, differences);
}

fn switch_off(planning: &mut Planning, name: &str) {
    if let Some(before) = planning.state.types.get(name).cloned() {
        let mut wanted = before.clone();
        wanted.enabled = false;
        put_type(planning, name, Some(&before), wanted);
    }
}

fn plan_organization(planning: &mut Planning, id: i64, wanted: &OrganizationWanted, prune: Prune) {
    let before = planning.state.organizations.get(&id).cloned();
    let Some(name) = wanted
        .name
        .clone()
        .or_else(|| before.as_ref().map(|before| before.name.clone()))
    else {
        let words = format!("organization {id} is new and needs a name");
        return planning.problem(&wanted.place, words);
    };
    let had = before.clone().unwrap_or_default();
    let goal = OrganizationState {
        name,
        slug: wanted.slug.clone().or_else(|| had.slug.clone()),
        kept: wanted.kept.unwrap_or(had.kept),
        add_ons: wanted
            .add_ons
            .clone()
            .unwrap_or_else(|| had.add_ons.clone()),
        ..OrganizationState::default()
    };
    // Add-ons that end are taken away last: until then what needs them can still be done.
    let last = had.granted() && !goal.granted();
    if !last {
        put_organization(planning, id, before.as_ref(), &goal);
    }
    if wanted.webhooks == Some(false) {
        set_webhooks(planning, id, false);
    }
    if let Some(endpoints) = &wanted.endpoints {
        endpoint_plan::plan(planning, id, endpoints, prune);
    }
    if let Some(enabled) = wanted.webhooks {
        let granted = had.granted() || goal.granted();
        let is_on = |planning: &Planning| {
            let record = planning.state.organizations.get(&id);
            record.is_some_and(|record| record.webhooks)
        };
        if enabled && !granted && !is_on(planning) {
            planning.problem(
                &wanted.place,
                endpoint_plan::no_add_on(id, "webhooks: true"),
            );
        } else {
            set_webhooks(planning, id, enabled);
        }
    }
    if last {
        put_organization(planning, id, before.as_ref(), &goal);
    }
}

fn put_organization(
    planning: &mut Planning,
    id: i64,
    before: Option<&OrganizationState>,
    goal: &OrganizationState,
) {
    let mut differences = Vec::new();
    let mut differ = |field, had: Option<String>, after: Option<String>| {
        if let Some(after) = after.filter(|after| had.as_ref() != Some(after)) {
            differences.push(Difference::new(field, had, after));
        }
    };
    let name = before.map(|before| quoted(&before.name));
    differ("name", name, Some(quoted(&goal.name)));
    let slug = before.and_then(|before| before.slug.as_deref().map(quoted));
    differ("slug", slug, goal.slug.as_deref().map(quoted));
    let add_ons = before.map(|before| list(&before.add_ons));
    differ("add_ons", add_ons, Some(list(&goal.add_ons)));
    let kept = before.map_or(Kept::default(), |before| before.kept);
    differ("retention", Some(kept.json()), Some(goal.kept.json()));
    if before.is_none() || !differences.is_empty() {
        let change = Change::PutOrganization {
            id,
            new: before.is_none(),
            wanted: goal.clone(),
        };
        planning.change(change, differences);
    }
}

fn set_webhooks(planning: &mut Planning, organization: i64, enabled: bool) {
    let record = planning.state.organizations.get(&organization);
    let is = record.is_some_and(|record| record.webhooks);
    if is != enabled {
        let difference = Difference::new("webhooks", Some(is.to_string()), enabled.to_string());
        let change = Change::SetWebhooks {
            organization,
            enabled,
        };
        planning.change(change, vec![difference]);
    }
}

/// Whether an endpoint may choose these, as far as the catalogue will be then.
pub(super) fn refuse_choice(planning: &mut Planning, place: &str, chosen: &BTreeSet<String>) {
    for name in chosen {
        let words = match planning.state.types.get(name) {
            Some(entry) if entry.enabled => continue,
            Some(_) => format!("event type `{name}` is switched off"),
            None => {
                let known = planning.state.types.keys().map(String::as_str);
                let hint = nearest(name, known)
                    .map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
                format!("event type `{name}` is in neither the catalogue nor the file{hint}")
            }
        };
        planning.problem(place, words);
    }
}
