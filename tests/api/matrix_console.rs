//! S9 and S11 in the console: every route × everybody who could come × every owner of every id in it; and no change without
//! the form token of the session. The routes are read from their table, so a new one without a rule fails.

use super::leaks;
use super::matrix_console_rules::{RULES, Rule, Visitor, Wanted, is_shared};
use super::matrix_rules::{Pick, as_seen};
use super::matrix_scene::{Stored, Things, nothing, shown};
use super::world::{Answer, World, organization};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tidings::store::Actor;
use tidings::store::accounts::{
    Acceptance, Account, Accounts as _, Grant, Invited, NewLink, NewSession, Purpose, Redeemed,
    Role, token_of,
};
use tidings::store::directory::Changed;
use tidings::store::second_factor::{Checked, FirstCode, SecondFactors as _};
use tidings_core::totp::TotpSecret;

const TABLE: &str = include_str!("../../src/http/console/route.rs");

/// The routes in the table, as `METHOD /path`.
fn routes() -> BTreeSet<String> {
    let lines = TABLE.lines().map(str::trim);
    let routes = lines.filter(|line| line.ends_with(';') && line.contains("\" "));
    routes
        .filter_map(|line| {
            let (method, rest) = line.split_once(" \"")?;
            let (path, _) = rest.split_once('"')?;
            path.starts_with('/').then(|| format!("{method} {path}"))
        })
        .collect()
}

/// A rule's route as it stands in the table: tokens have one name there, and no query.
fn in_table(rule: &Rule) -> String {
    let route = rule.route.split('?').next().unwrap();
    ["setup", "invitation", "password", "portal"]
        .iter()
        .fold(route.to_owned(), |route, name| {
            route.replace(&format!("{{{name}}}"), "{token}")
        })
}

fn new_session(token: &str) -> NewSession {
    NewSession {
        hash: tidings::store::accounts::token_hash(token),
        address: None,
        agent: String::from("a browser"),
    }
}

async fn link(world: &World, purpose: Purpose) -> String {
    let (token, hash) = token_of(&tidings::clock::random_bytes::<32>().unwrap());
    let expires_at = world.clock.now().plus(Duration::from_secs(600));
    let new = NewLink {
        hash,
        purpose,
        expires_at,
    };
    world.store.create_link(new, Actor::server()).await.unwrap();
    token.to_string()
}

async fn account(world: &World, invited: Invited) -> Account {
    let token = link(world, Purpose::Invitation(invited)).await;
    let hash = tidings::store::accounts::token_hash(&token);
    let person = Acceptance::Person {
        name: token,
        password: String::from("the hash of no password"),
    };
    match world.store.accept_link(hash, person, Actor::server()).await {
        Ok(Redeemed::Done(account)) => account,
        other => panic!("{other:?}"),
    }
}

/// A session, and the token that its forms carry.
#[derive(Clone)]
struct Session {
    cookie: String,
    token: String,
    /// Another session of the same account.
    other: String,
}

async fn with_token(world: &World, token: &str, other: String) -> Session {
    let cookie = format!("tidings={token}");
    let lines = [("cookie", cookie.as_str())];
    let page = world.request("GET", "/admin/signature", &lines, b"").await;
    let field = "name=\"form_token\" value=\"";
    let token = page.text.split(field).nth(1).unwrap();
    let token = token.split('"').next().unwrap().to_owned();
    Session {
        cookie,
        token,
        other,
    }
}

async fn session(world: &World, account: &Account) -> Session {
    let (token, _) = token_of(&tidings::clock::random_bytes::<32>().unwrap());
    let open = async |token: &str| {
        let new = new_session(token);
        let opened = world.store.open_session(account.id, new, Actor::server());
        match opened.await {
            Ok(Changed::Done(id)) => id.to_string(),
            other => panic!("{other:?}"),
        }
    };
    open(&token).await;
    let (second, _) = token_of(&tidings::clock::random_bytes::<32>().unwrap());
    let other = open(&second).await;
    with_token(world, &token, other).await
}

/// Somebody with a second factor who gave the password, and takes that for a session.
async fn half(world: &World, invited: Invited) -> Session {
    let id = account(world, invited).await.id;
    let secret = TotpSecret::from_bytes([7; 20]);
    let begun = world
        .store
        .begin_second_factor(id, secret.clone(), Actor::server());
    assert!(matches!(begun.await, Ok(Changed::Done(()))));
    let first = FirstCode {
        code: secret.code(world.clock.now()).into(),
        recovery: Vec::new(),
    };
    let on = world
        .store
        .confirm_second_factor(id, first, None, Actor::server());
    assert_eq!(on.await, Ok(Checked::Right(())));
    let (token, hash) = token_of(&tidings::clock::random_bytes::<32>().unwrap());
    world.store.open_half_login(id, hash).await.unwrap();
    Session {
        cookie: format!("tidings-code={0}; tidings={0}", *token),
        token: String::new(),
        other: String::new(),
    }
}

/// An organization with its people.
struct Side {
    things: Things,
    viewer: Session,
    administrator: Session,
    portal: Session,
    /// A member that can be removed.
    member: Account,
}

impl Side {
    async fn new(world: &World) -> Self {
        let things = Things::new(world).await;
        let as_role = |role| Grant {
            organization: organization(things.organization),
            role,
        };
        let (look, change) = (as_role(Role::Viewer), as_role(Role::Administrator));
        let viewer = account(world, Invited::Member(look)).await;
        let administrator = account(world, Invited::Member(change)).await;
        let purpose = Purpose::Portal {
            grant: change,
            return_url: None,
        };
        let portal = link(world, purpose).await;
        let hash = tidings::store::accounts::token_hash(&portal);
        let (token, _) = token_of(&tidings::clock::random_bytes::<32>().unwrap());
        let opened = world
            .store
            .open_portal(hash, new_session(&token), Actor::server());
        opened.await.unwrap().unwrap();
        Self {
            viewer: session(world, &viewer).await,
            administrator: session(world, &administrator).await,
            portal: with_token(world, &token, String::new()).await,
            member: account(world, Invited::Member(look)).await,
            things,
        }
    }
}

/// Both organizations, an operator, and links that are open.
struct Scene {
    own: Side,
    foreign: Side,
    operator: Session,
    half: Session,
    tokens: BTreeMap<&'static str, String>,
}

impl Scene {
    async fn renew(world: &World, foreign: Side) -> Self {
        let own = Side::new(world).await;
        let grant = Grant {
            organization: organization(own.things.organization),
            role: Role::Viewer,
        };
        let portal = Purpose::Portal {
            grant,
            return_url: None,
        };
        let tokens = BTreeMap::from([
            ("setup", link(world, Purpose::Setup).await),
            (
                "invitation",
                link(world, Purpose::Invitation(Invited::Member(grant))).await,
            ),
            (
                "password",
                link(world, Purpose::Password(own.member.id)).await,
            ),
            ("portal", link(world, portal).await),
        ]);
        Self {
            own,
            foreign,
            operator: session(world, &account(world, Invited::Operator).await).await,
            half: half(world, Invited::Member(grant)).await,
            tokens,
        }
    }

    fn session(&self, visitor: Visitor) -> Option<&Session> {
        match visitor {
            Visitor::Nobody => None,
            Visitor::Half => Some(&self.half),
            Visitor::Viewer => Some(&self.own.viewer),
            Visitor::Administrator => Some(&self.own.administrator),
            Visitor::Portal => Some(&self.own.portal),
            Visitor::ForeignViewer => Some(&self.foreign.viewer),
            Visitor::ForeignAdministrator => Some(&self.foreign.administrator),
            Visitor::Operator => Some(&self.operator),
        }
    }

    fn id(&self, name: &str, pick: Pick, visitor: Visitor) -> String {
        let side = match pick {
            Pick::Own => &self.own,
            Pick::Foreign => &self.foreign,
            Pick::Missing if self.tokens.contains_key(name) => return "t".repeat(43),
            Pick::Missing if name == "number" => return String::from("77"),
            Pick::Missing => return nothing(name),
        };
        match (name, pick) {
            ("file", _) => String::from("style.css"),
            ("number", _) => String::from("1"),
            ("acc", _) => side.member.id.to_string(),
            ("ses", Pick::Own) => match self.session(visitor) {
                Some(session) if !session.other.is_empty() => session.other.clone(),
                _ => nothing("ses"),
            },
            // Another account's, whoever asks.
            ("ses", _) if visitor == Visitor::ForeignAdministrator => side.viewer.other.clone(),
            ("ses", _) => side.administrator.other.clone(),
            (name, _) => match self.tokens.get(name) {
                Some(token) => token.clone(),
                None => side.things.id(name),
            },
        }
    }
}

fn choices(rule: &Rule) -> Vec<Vec<Pick>> {
    let mut all = vec![Vec::new()];
    for name in rule.names() {
        let picks: &[Pick] = match is_shared(name) {
            true => &[Pick::Own, Pick::Missing],
            false => &[Pick::Own, Pick::Foreign, Pick::Missing],
        };
        let more = |before: &Vec<Pick>| {
            let before = before.clone();
            picks
                .iter()
                .map(move |pick| [before.clone(), vec![*pick]].concat())
        };
        all = all.iter().flat_map(more).collect();
    }
    all
}

/// How a form is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    AsOurs,
    WithoutToken,
    WithAnothersToken,
    FromElsewhere,
}

struct Walk {
    world: World,
    scene: Scene,
    stored: Stored,
    calls: usize,
}

/// What a page says, without what stands around it.
fn main(page: &str) -> &str {
    page.split_once("<main").map_or(page, |(_, main)| main)
}

type Ids = Vec<(&'static str, String)>;

impl Walk {
    async fn ask(&self, rule: &Rule, visitor: Visitor, ids: &Ids, sent: Sent) -> Answer {
        let (method, path) = rule.route.split_once(' ').unwrap();
        let mut form = rule.form.replace("{nothing}", &nothing("org"));
        let mut path = path.to_owned();
        for (name, id) in ids {
            path = path.replace(&format!("{{{name}}}"), id);
            form = form.replace(&format!("{{{name}}}"), id);
        }
        let session = self.scene.session(visitor);
        let mut lines = Vec::new();
        if let Some(session) = session {
            lines.push(("cookie", session.cookie.as_str()));
        }
        if method == "POST" {
            lines.push(("content-type", "application/x-www-form-urlencoded"));
            lines.push(match sent {
                Sent::FromElsewhere => ("origin", "https://elsewhere.example"),
                _ => ("origin", "http://tidings.test"),
            });
            let token = match (sent, visitor) {
                (Sent::WithoutToken, _) => None,
                (Sent::WithAnothersToken, Visitor::Operator) => Some(&self.scene.own.viewer),
                (Sent::WithAnothersToken, _) => Some(&self.scene.operator),
                (Sent::AsOurs | Sent::FromElsewhere, _) => session,
            };
            if let Some(session) = token {
                form.push_str(&format!("&form_token={}", session.token));
            }
        }
        self.world
            .request(method, &path, &lines, form.as_bytes())
            .await
    }

    /// Asks what must leave nothing behind.
    async fn ask_untraced(&mut self, rule: &Rule, by: Visitor, ids: &Ids, sent: Sent) -> Answer {
        // What was done before may still be settling; what this call stores it stores every time.
        for _ in 0..20 {
            let answer = self.ask(rule, by, ids, sent).await;
            self.calls += 1;
            if !self.stored.has_changed() {
                return answer;
            }
        }
        panic!("{} {by:?} {ids:?} {sent:?} leaves a trace", rule.route);
    }

    fn check_rows(&self, rule: &Rule, visitor: Visitor, answer: &Answer) {
        let others = match visitor.of() {
            Some(Pick::Own) => &self.scene.foreign,
            Some(_) => &self.scene.own,
            None => return,
        };
        for mark in others.things.marks() {
            assert!(
                !answer.text.contains(mark),
                "{} {visitor:?} shows {mark}",
                rule.route
            );
        }
    }

    /// A form that no page of this session sent is refused, whatever it is about.
    async fn check_forged(&mut self, rule: &Rule, visitor: Visitor, ids: &Ids) {
        let all = [
            Sent::WithoutToken,
            Sent::WithAnothersToken,
            Sent::FromElsewhere,
        ];
        let logged_in = !matches!(visitor, Visitor::Nobody | Visitor::Half);
        for sent in all
            .into_iter()
            .filter(|sent| logged_in || *sent == Sent::FromElsewhere)
        {
            let answer = self.ask_untraced(rule, visitor, ids, sent).await;
            let shown = format!("{} {visitor:?} {sent:?}", rule.route);
            assert_eq!(answer.status, 403, "{shown}: {}", main(&answer.text));
        }
    }

    async fn cell(&mut self, rule: &Rule, visitor: Visitor, picks: &[Pick]) -> Option<String> {
        let wanted = rule.wanted(visitor, picks);
        let mut ids = Ids::new();
        for (name, pick) in rule.names().into_iter().zip(picks) {
            ids.push((name, self.scene.id(name, *pick, visitor)));
        }
        let shown = format!("{} {visitor:?} {picks:?}", rule.route);
        if rule.posts() {
            self.check_forged(rule, visitor, &ids).await;
        }
        let Wanted::Done(status) = wanted else {
            let answer = self.ask_untraced(rule, visitor, &ids, Sent::AsOurs).await;
            let status = match wanted {
                Wanted::Refused(status) => status,
                _ => 303,
            };
            assert_eq!(answer.status, status, "{shown}: {}", main(&answer.text));
            leaks::check(&answer.text, "");
            if wanted == Wanted::Password {
                assert_eq!(answer.headers["location"], "/admin/login", "{shown}");
                return None;
            }
            if wanted == Wanted::Login {
                let there = answer.headers["location"].to_str().unwrap();
                assert!(there.starts_with("/admin/login?next="), "{shown}: {there}");
                return None;
            }
            let text = ids.iter().fold(answer.text, |text, (name, id)| {
                text.replace(&format!("`{id}`"), &format!("`{name}`"))
            });
            return Some(text);
        };
        if rule.changes && (picks.contains(&Pick::Foreign) || visitor.of() == Some(Pick::Foreign)) {
            return None;
        }
        let answer = match rule.changes {
            true => self.ask(rule, visitor, &ids, Sent::AsOurs).await,
            false => self.ask_untraced(rule, visitor, &ids, Sent::AsOurs).await,
        };
        self.calls += 1;
        assert_eq!(answer.status, status, "{shown}: {}", main(&answer.text));
        if status == 303 && rule.who != super::matrix_console_rules::Who::Open {
            let there = answer.headers["location"].to_str().unwrap();
            assert!(!there.starts_with("/admin/login"), "{shown}: {there}");
        }
        self.check_rows(rule, visitor, &answer);
        None
    }
}

#[tokio::test]
async fn s9_every_page_every_visitor_every_owner() {
    let rules: BTreeSet<String> = RULES.iter().map(in_table).collect();
    assert_eq!(rules.len(), RULES.len(), "one rule for one route");
    assert_eq!(
        routes(),
        rules,
        "every route has a rule, every rule a route"
    );

    let world = World::new().await;
    let foreign = Side::new(&world).await;
    let before = shown(&world, &foreign.things).await;
    let scene = Scene::renew(&world, foreign).await;
    let mut walk = Walk {
        stored: Stored::of(&world),
        world,
        scene,
        calls: 0,
    };
    for rule in RULES {
        for visitor in Visitor::ALL {
            // What is foreign and what is missing is told in the same words.
            let mut said: BTreeMap<Vec<Pick>, BTreeSet<String>> = BTreeMap::new();
            for picks in choices(rule) {
                if let Some(text) = walk.cell(rule, visitor, &picks).await {
                    let seen = as_seen(&picks, visitor.of());
                    said.entry(seen).or_default().insert(text);
                } else if rule.changes && rule.wanted(visitor, &picks) == Wanted::Done(rule.done) {
                    walk.scene = Scene::renew(&walk.world, walk.scene.foreign).await;
                    walk.stored.has_changed();
                    said.clear();
                }
            }
            for (picks, texts) in said {
                let one = texts.len() == 1;
                assert!(one, "{} {visitor:?} {picks:?}: {texts:#?}", rule.route);
            }
        }
    }
    assert_eq!(shown(&walk.world, &walk.scene.foreign.things).await, before);
    println!(
        "{} routes, {} visitors: {} calls, 0 wrong",
        RULES.len(),
        Visitor::ALL.len(),
        walk.calls
    );
}
