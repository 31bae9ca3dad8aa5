//! Two organizations with one of everything, everybody who could ask about it, and everything that is stored.

use super::matrix_rules::Pick;
use super::world::{World, organization};
use rusqlite::{Connection, OpenFlags};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use tidings::store::Actor;
use tidings::store::Reach;
use tidings::store::directory::{Directory as _, NewKey, Scope};
use tidings_core::api_key::{KeyKind, KeyText};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    Nobody,
    /// An operator's key with one character changed.
    Mistyped,
    /// An operator's key that was revoked.
    Revoked,
    /// An operator's key that expired.
    Expired,
    Producer,
    ForeignViewer,
    ForeignAdministrator,
    Viewer,
    Administrator,
    Operator,
}

/// What a key in force says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Producer,
    Viewer(Pick),
    Administrator(Pick),
    Operator,
}

impl Caller {
    pub const ALL: [Self; 10] = [
        Self::Nobody,
        Self::Mistyped,
        Self::Revoked,
        Self::Expired,
        Self::Producer,
        Self::ForeignViewer,
        Self::ForeignAdministrator,
        Self::Viewer,
        Self::Administrator,
        Self::Operator,
    ];

    /// The role, or the code that it is refused with.
    pub const fn role(self) -> Result<Role, &'static str> {
        match self {
            Self::Nobody => Err("no_credentials"),
            Self::Mistyped => Err("malformed_key"),
            Self::Revoked => Err("unknown_key"),
            Self::Expired => Err("expired_key"),
            Self::Producer => Ok(Role::Producer),
            Self::ForeignViewer => Ok(Role::Viewer(Pick::Foreign)),
            Self::ForeignAdministrator => Ok(Role::Administrator(Pick::Foreign)),
            Self::Viewer => Ok(Role::Viewer(Pick::Own)),
            Self::Administrator => Ok(Role::Administrator(Pick::Own)),
            Self::Operator => Ok(Role::Operator),
        }
    }
}

/// One of everything that belongs to an organization, and the keys of its people.
pub struct Things {
    pub organization: i64,
    ids: BTreeMap<&'static str, String>,
    viewer: String,
    administrator: String,
}

impl Things {
    /// Of a new organization.
    pub async fn new(world: &World) -> Self {
        static NEXT: AtomicI64 = AtomicI64::new(100_000);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let base = format!("/v1/organizations/{number}");
        let body = r#"{"name":"Organization","add_ons":["api_access"]}"#;
        world.send("PUT", &base, body).await.expect(201);
        let endpoint = world.endpoint(number, &["project.updated"]).await;
        let endpoint = endpoint["id"].as_str().unwrap().to_owned();
        let event = world.event(number).await;
        let delivered = format!("{base}/deliveries?state=delivered");
        let page = world
            .until(&delivered, |page| page["data"][0].is_object())
            .await;
        let text = |value: &serde_json::Value| value["id"].as_str().unwrap().to_owned();
        let range =
            r#"{"from":"2026-02-01T00:00:00Z","to":"2026-02-02T00:00:00Z","include":["missing"]}"#;
        let replays = format!("{base}/endpoints/{endpoint}/replay");
        let replay = text(&world.send("POST", &replays, range).await.expect(202));
        // Only one may run, and the matrix starts another.
        let stopped = world
            .send("DELETE", &format!("{replays}/{replay}"), "")
            .await;
        stopped.expect(200);
        // Nobody chose its type: there is nothing to wait for.
        let other =
            format!(r#"{{"type":"project.created","organization_id":{number},"data":{{}}}}"#);
        let other = text(&world.send("POST", "/v1/events", &other).await.expect(202));
        let erasure = world
            .send("DELETE", &format!("/v1/events/{other}"), "")
            .await;
        let links = format!("{base}/portal-links");
        let link = world.send("POST", &links, r#"{"role":"viewer"}"#).await;
        let own = organization(number);
        let key = format!(r#"{{"scope":"viewer","organization_id":{number}}}"#);
        let key = world.send("POST", "/v1/keys", &key).await.expect(201);
        Self {
            organization: number,
            ids: BTreeMap::from([
                ("org", number.to_string()),
                ("organization_id", number.to_string()),
                ("ep", endpoint),
                ("evt", event),
                ("dlv", text(&page["data"][0])),
                ("rpl", replay),
                ("ers", text(&erasure.expect(202))),
                ("lnk", text(&link.expect(201))),
                ("key", text(&key)),
                ("type", String::from("project.updated")),
            ]),
            viewer: world.key(Scope::Viewer(own)).await,
            administrator: world.key(Scope::Administrator(own)).await,
        }
    }

    /// What is its alone.
    pub fn marks(&self) -> impl Iterator<Item = &str> {
        let shared = ["type", "organization_id", "org"];
        let alone = self
            .ids
            .iter()
            .filter(move |(name, _)| !shared.contains(name));
        alone.map(|(_, id)| id.as_str())
    }

    pub fn id(&self, name: &str) -> String {
        self.ids[name].clone()
    }
}

/// An id that names nothing, of the right kind, another one each time where it may come to name something.
pub fn nothing(name: &str) -> String {
    static NEXT: AtomicI64 = AtomicI64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    match name {
        "org" | "organization_id" => (8_000_000_000 + number).to_string(),
        "type" => format!("nothing.number_{number}"),
        "dlv" => format!("dlv_{}", "0".repeat(26)),
        prefix => format!("{prefix}_0000000000001"),
    }
}

/// The organization that is asked about, another one, and everybody's keys.
pub struct Scene {
    pub own: Things,
    pub foreign: Things,
    keys: Vec<(Caller, String)>,
}

impl Scene {
    pub async fn new(world: &World) -> Self {
        let mut scene = Self {
            own: Things::new(world).await,
            foreign: Things::new(world).await,
            keys: Vec::new(),
        };
        let mut mistyped = world.operator.clone();
        let last = if mistyped.ends_with('0') { "1" } else { "0" };
        mistyped.replace_range(mistyped.len() - 1.., last);
        scene.keys = vec![
            (Caller::Mistyped, mistyped),
            (Caller::Revoked, revoked(world).await),
            (Caller::Expired, expired(world).await),
            (Caller::Producer, world.key(Scope::Producer).await),
            (Caller::Operator, world.operator.clone()),
        ];
        scene
    }

    /// The key that a caller comes with.
    pub fn key(&self, caller: Caller) -> Option<&str> {
        match caller {
            Caller::Nobody => None,
            Caller::Viewer => Some(&self.own.viewer),
            Caller::Administrator => Some(&self.own.administrator),
            Caller::ForeignViewer => Some(&self.foreign.viewer),
            Caller::ForeignAdministrator => Some(&self.foreign.administrator),
            other => {
                let found = self.keys.iter().find(|(known, _)| *known == other);
                found.map(|(_, key)| key.as_str())
            }
        }
    }

    pub fn id(&self, name: &str, pick: Pick) -> String {
        match pick {
            Pick::Own => self.own.id(name),
            Pick::Foreign => self.foreign.id(name),
            Pick::Missing => nothing(name),
        }
    }
}

pub async fn expired(world: &World) -> String {
    let random = tidings::clock::random_bytes::<32>().unwrap();
    let text = KeyText::generated(KeyKind::Operator, &random);
    let new = NewKey {
        hash: text.hash(),
        scope: Scope::Operator,
        description: String::new(),
        expires_at: Some(world.clock.now()),
    };
    world.store.create_key(new, Actor::server()).await.unwrap();
    text.expose().to_owned()
}

pub async fn revoked(world: &World) -> String {
    let made = world
        .send("POST", "/v1/keys", r#"{"scope":"operator"}"#)
        .await;
    let made = made.expect(201);
    let path = format!("/v1/keys/{}", made["id"].as_str().unwrap());
    world.send("DELETE", &path, "").await.expect(204);
    made["key"].as_str().unwrap().to_owned()
}

/// Everything that is stored: every row of every table, the audit log's too but for what it says of refusals.
pub struct Stored {
    database: Connection,
    /// Changes with every commit.
    version: i64,
    rows: BTreeMap<String, Vec<String>>,
}

impl Stored {
    pub fn of(world: &World) -> Self {
        let file = world.folder.path().join("tidings.db");
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let database = Connection::open_with_flags(file, flags).unwrap();
        let mut stored = Self {
            database,
            version: 0,
            rows: BTreeMap::new(),
        };
        stored.has_changed();
        stored
    }

    /// Whether it is another than when this was last asked.
    pub fn has_changed(&mut self) -> bool {
        let sql = "PRAGMA data_version";
        let version = self.database.query_row(sql, [], |row| row.get(0)).unwrap();
        if version == self.version {
            return false;
        }
        self.version = version;
        let rows = self.read();
        let changed = rows != self.rows;
        self.rows = rows;
        changed
    }

    fn read(&self) -> BTreeMap<String, Vec<String>> {
        let sql =
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
        let mut statement = self.database.prepare(sql).unwrap();
        let tables = statement.query_map([], |row| row.get(0)).unwrap();
        tables
            .map(|table| {
                let table: String = table.unwrap();
                let mut sql = format!("SELECT * FROM \"{table}\"");
                if table == "audit" {
                    sql.push_str(" WHERE act <> 'request.refuse'");
                }
                let mut statement = self.database.prepare(&sql).unwrap();
                let columns = statement.column_count();
                let mut found = statement.query([]).unwrap();
                let mut rows = Vec::new();
                while let Some(row) = found.next().unwrap() {
                    let values = (0..columns).map(|column| row.get_ref(column).unwrap());
                    rows.push(format!("{:?}", values.collect::<Vec<_>>()));
                }
                rows.sort();
                (table, rows)
            })
            .collect()
    }
}

/// Everything that the API shows of an organization to operators, and its secrets.
pub async fn shown(world: &World, things: &Things) -> Vec<String> {
    let base = format!("/v1/organizations/{}", things.organization);
    let mut all = Vec::new();
    for below in ["", "/endpoints", "/events", "/deliveries"] {
        all.push(world.get(&format!("{base}{below}")).await.text);
    }
    let paths = [
        format!("{base}/endpoints/{}", things.id("ep")),
        format!(
            "{base}/endpoints/{}/replay/{}",
            things.id("ep"),
            things.id("rpl")
        ),
        format!("/v1/events/{}", things.id("evt")),
        format!("/v1/deliveries/{}", things.id("dlv")),
    ];
    for path in &paths {
        let answer = world.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        all.push(answer.text);
    }
    let secrets = world
        .store
        .secrets(Reach::All, things.id("ep").parse().unwrap());
    let secrets = secrets.unwrap().unwrap();
    all.push(String::from_utf8(secrets.newest().expose().to_vec()).unwrap());
    let administrator = &things.administrator;
    let keys = world.call("GET", "/v1/keys", administrator, "").await;
    let mut keys = keys.expect(200);
    // When one was last used is the walk's own doing: foreign people use theirs.
    for key in keys["data"].as_array_mut().unwrap() {
        key.as_object_mut().unwrap().remove("last_used_at");
    }
    all.push(keys.to_string());
    all
}
