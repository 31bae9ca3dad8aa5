//! S9: every operation of the OpenAPI document × everybody who could ask × every owner of every id in it.
//!
//! The operations are read from the document that the server answers, so a new route is in by itself, and without a rule
//! in [`super::matrix_rules`] it fails. Nested ids are crossed: own organization with a foreign endpoint, and so on.

use super::leaks;
use super::matrix_rules::{Pick, RULES, Rule, Wanted, Who, as_seen};
use super::matrix_scene::{Caller, Role, Scene, Stored, Things, shown};
use super::world::{Answer, World};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The operations of the document that the server answers, as `METHOD /path`.
async fn operations(world: &World) -> BTreeSet<String> {
    let document = world.request("GET", "/openapi.json", &[], b"").await;
    let document = document.expect(200);
    let paths = document["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, operations)| {
        let methods = operations.as_object().unwrap().keys();
        methods.map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    all.collect()
}

/// Every way to choose an owner for each id.
fn choices(rule: &Rule) -> Vec<Vec<Pick>> {
    let mut all = vec![Vec::new()];
    for name in rule.names() {
        // Event types are everybody's.
        let picks: &[Pick] = match name {
            "type" => &[Pick::Own, Pick::Missing],
            _ => &[Pick::Own, Pick::Foreign, Pick::Missing],
        };
        all = all
            .iter()
            .flat_map(|before| {
                picks.iter().map(|pick| {
                    let mut after = before.clone();
                    after.push(*pick);
                    after
                })
            })
            .collect();
    }
    all
}

/// What is left of a problem without the request's and the thing's name.
fn words(answer: &Answer, ids: &[(&str, String)]) -> String {
    let mut problem: Value = answer.json();
    problem.as_object_mut().unwrap().remove("request_id");
    let mut text = problem.to_string();
    for (name, id) in ids {
        text = text.replace(&format!("`{id}`"), &format!("`{name}`"));
    }
    text
}

/// The matrix as it is walked.
struct Walk {
    world: World,
    scene: Scene,
    stored: Stored,
    calls: usize,
    refused: usize,
}

impl Walk {
    async fn ask(&self, rule: &Rule, caller: Caller, ids: &[(&str, String)]) -> Answer {
        let (method, path) = rule.operation.split_once(' ').unwrap();
        let (mut path, mut body) = (path.to_owned(), rule.body.to_owned());
        for (name, id) in ids {
            path = path.replace(&format!("{{{name}}}"), id);
            if *name == "organization_id" {
                body = body.replace("{org}", id);
            }
        }
        match self.scene.key(caller) {
            Some(key) => self.world.call(method, &path, key, &body).await,
            None => {
                let json = [("content-type", "application/json")];
                self.world
                    .request(method, &path, &json, body.as_bytes())
                    .await
            }
        }
    }

    /// Asks what must leave nothing behind: nothing may be stored, not even that it was asked.
    async fn ask_untraced(
        &mut self,
        rule: &Rule,
        caller: Caller,
        ids: &[(&str, String)],
    ) -> Answer {
        // What was done before may still be settling; what this call stores it stores every time.
        for _ in 0..20 {
            let answer = self.ask(rule, caller, ids).await;
            if !self.stored.has_changed() {
                return answer;
            }
        }
        panic!("{} {caller:?} {ids:?} leaves a trace", rule.operation);
    }

    /// That an answer to somebody of one organization names nothing of the other's.
    fn check_rows(&self, rule: &Rule, caller: Caller, answer: &Answer) {
        let others = match caller {
            Caller::Viewer | Caller::Administrator => &self.scene.foreign,
            Caller::ForeignViewer | Caller::ForeignAdministrator => &self.scene.own,
            _ => return,
        };
        for mark in others.marks() {
            let there = answer.text.contains(mark);
            assert!(!there, "{} {caller:?} shows {mark}", rule.operation);
        }
    }

    async fn cell(&mut self, rule: &Rule, caller: Caller, picks: &[Pick]) -> Option<(u16, String)> {
        let wanted = rule.wanted(caller, picks);
        let done = matches!(wanted, Wanted::Done(_));
        if done && rule.changes && picks.contains(&Pick::Foreign) {
            // Its own people would change what must stay as it is; the own organization stands for it.
            return None;
        }
        let names = rule.names();
        let ids: Vec<_> = names
            .iter()
            .zip(picks)
            .map(|(name, pick)| (*name, self.scene.id(name, *pick)))
            .collect();
        let shown = format!("{} {caller:?} {picks:?}", rule.operation);
        self.calls += 1;
        match wanted {
            Wanted::Done(status) => {
                let answer = match rule.changes {
                    true => self.ask(rule, caller, &ids).await,
                    false => self.ask_untraced(rule, caller, &ids).await,
                };
                assert_eq!(answer.status, status, "{shown}: {}", answer.text);
                self.check_rows(rule, caller, &answer);
                if rule.changes {
                    self.scene.own = Things::new(&self.world).await;
                    self.stored.has_changed();
                }
                None
            }
            Wanted::Refused(status, code) => {
                let answer = self.ask_untraced(rule, caller, &ids).await;
                let got = (answer.status, answer.code());
                assert_eq!(got, (status, code.to_owned()), "{shown}: {}", answer.text);
                leaks::check(&answer.text, "");
                self.refused += 1;
                Some((status, words(&answer, &ids)))
            }
        }
    }
}

#[tokio::test]
async fn s9_every_operation_every_caller_every_owner() {
    let world = World::new().await;
    let document = operations(&world).await;
    let rules: BTreeSet<String> = RULES.iter().map(|rule| rule.operation.to_owned()).collect();
    assert_eq!(rules.len(), RULES.len(), "one rule for one operation");
    assert_eq!(
        document, rules,
        "every operation has a rule, every rule an operation"
    );

    let scene = Scene::new(&world).await;
    let before = shown(&world, &scene.foreign).await;
    let mut walk = Walk {
        stored: Stored::of(&world),
        world,
        scene,
        calls: 0,
        refused: 0,
    };
    for rule in RULES {
        for caller in Caller::ALL {
            // What is foreign and what is missing is told in the same words.
            let own = match caller.role() {
                Ok(Role::Viewer(own) | Role::Administrator(own)) => Some(own),
                _ => None,
            };
            let mut said: BTreeMap<Vec<Pick>, BTreeSet<(u16, String)>> = BTreeMap::new();
            for picks in choices(rule) {
                if let Some(words) = walk.cell(rule, caller, &picks).await {
                    said.entry(as_seen(&picks, own)).or_default().insert(words);
                }
            }
            for (picks, words) in said {
                let one = words.len() == 1;
                assert!(one, "{} {caller:?} {picks:?}: {words:?}", rule.operation);
            }
        }
    }
    assert_eq!(shown(&walk.world, &walk.scene.foreign).await, before);
    println!(
        "{} operations, {} callers: {} calls, {} of them refused, 0 wrong",
        RULES.len(),
        Caller::ALL.len(),
        walk.calls,
        walk.refused
    );
    assert!(walk.calls > 1_260, "{}", walk.calls);
}

/// The scopes whose keys may call, as the document must name them.
const fn scopes(who: Who) -> &'static [&'static str] {
    match who {
        Who::Anyone => &[],
        Who::Key => &["viewer", "producer", "administrator", "operator"],
        Who::Viewer => &["viewer", "administrator", "operator"],
        Who::Administrator => &["administrator", "operator"],
        Who::Producer => &["producer", "operator"],
        Who::Operator => &["operator"],
    }
}

#[tokio::test]
async fn the_document_names_the_scopes_that_may_call() {
    let world = World::new().await;
    let document = world.request("GET", "/openapi.json", &[], b"").await;
    let document = document.expect(200);
    for rule in RULES {
        let (method, path) = rule.operation.split_once(' ').unwrap();
        let operation = &document["paths"][path][method.to_lowercase()];
        let named = operation["security"][0]["key"].as_array();
        let named: Vec<&str> = named
            .into_iter()
            .flatten()
            .map(|scope| scope.as_str().unwrap())
            .collect();
        assert_eq!(named, scopes(rule.who), "{}", rule.operation);
    }
}

#[tokio::test]
async fn an_id_of_another_kind_is_named_as_what_it_is() {
    let world = World::new().await;
    let things = Things::new(&world).await;
    let base = format!("/v1/organizations/{}", things.organization);
    for path in [&format!("{base}/endpoints/{{}}"), "/v1/deliveries/{}"] {
        let path = path.replace("{}", &things.id("evt"));
        world.get(&path).await.refused(404, "wrong_id_kind");
    }
    for bad in ["0", "-1", "1.5", "007", "9007199254740992", "x"] {
        let path = format!("/v1/organizations/{bad}");
        world.get(&path).await.refused(404, "no_such_organization");
    }
}
