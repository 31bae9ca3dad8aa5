//! Data of every format there was, brought forward: every row keeps its meaning, also when the process is killed at any
//! statement on the way (R19). There was no public release before these, so what stands here is the first fixture: rows as
//! the versions of each format wrote them.

use crate::backend::{Place, bytes};
use crate::verbs::{OK, UPDATED, event};
use crate::world::{LARKSPUR, World, actor, organization, wire};
use tidings::store::accounts::Accounts as _;
use tidings::store::audit::{AuditFilter, AuditLog as _};
use tidings::store::directory::{Directory as _, PageRequest, Scope};
use tidings::store::log::{DeliveryFilter, Log as _};
use tidings::store::queue::{Accepted, Queue as _};
use tidings::store::room::Room;
use tidings::store::seal::{self, MasterKey};
use tidings::store::{Reach, StoreError};
use tidings_core::delivery::State;
use tidings_core::id::{AccountId, DeliveryId, EndpointId, EventId, KeyId};
use tidings_core::organization::KeptDays;
use tidings_core::time::Timestamp;

/// The statements of a migration, in their order.
pub fn statements(migration: &str) -> Vec<String> {
    let code: Vec<&str> = migration
        .lines()
        .map(|line| line.split("--").next().unwrap_or_default())
        .collect();
    let code = code.join("\n");
    let parts = code.split(';').map(str::trim);
    parts
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The migrations of a database, in their order.
pub fn migrations(of: &str) -> Vec<String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("migrations")
        .join(of);
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    files
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect()
}

/// Custom headers of the endpoint there was, as they were kept in clear, and their names.
const TOKEN: &str = "Bearer hidden-of-old";
const HEADERS: &str = r#"[["authorization","Bearer hidden-of-old"],["x-empty",""]]"#;
const HEADER_NAMES: &str = r#"["authorization","x-empty"]"#;

/// What the rows name.
struct Old {
    moment: Timestamp,
    endpoint: EndpointId,
    event: EventId,
}

impl Old {
    fn new() -> Self {
        let moment = Timestamp::parse_rfc3339("2026-03-01T08:00:00Z").unwrap();
        let id = EventId::first_at(moment).raw();
        Self {
            moment,
            endpoint: EndpointId::from_raw(id + 5),
            event: EventId::from_raw(id + (10 << 22)),
        }
    }

    /// The columns of custom headers, what they hold of the endpoint, and what of its version.
    fn headers(&self, format: usize) -> (&'static str, String, &'static str) {
        if format < Place::SEALED_HEADERS {
            return ("headers", format!("'{HEADERS}'"), HEADERS);
        }
        let place = seal::Place::Headers(organization(LARKSPUR), self.endpoint, 1);
        let sealed = MasterKey::from_bytes([7; 32]).seal(place, HEADERS.as_bytes());
        let values = format!("'{HEADER_NAMES}', {}", bytes(&sealed.unwrap()));
        ("header_names, sealed_headers", values, HEADER_NAMES)
    }

    /// The rows that every format has.
    fn first(&self, format: usize) -> String {
        let (header_columns, headers, headers_then) = self.headers(format);
        let key = MasterKey::from_bytes([7; 32]);
        let place = seal::Place::NewestSecret(organization(LARKSPUR), self.endpoint);
        let secret = key.seal(place, b"whsec_of_old").unwrap();
        let (at, ep, evt) = (
            self.moment.as_micros(),
            self.endpoint.raw(),
            self.event.raw(),
        );
        let data = br#"{"id":"318842"}"#;
        let mut hash = [0; 16];
        blake3::Hasher::new()
            .update(data)
            .finalize_xof()
            .fill(&mut hash);
        // Of one event: delivered, and tried by a life that ended; of the next: waiting, and of the third: exhausted.
        let delivery = |event: i64, state: u8, attempts: u8, epoch: u8, rested: &str| {
            format!(
                "INSERT INTO deliveries (event_id, endpoint_id, organization_id, name_id, audience, state, round, attempts,
                    failures, due_at, epoch, fence, rested_at)
                 VALUES ({event}, {ep}, {LARKSPUR}, 1, 0, {state}, 0, {attempts}, 0, {at}, {epoch}, 1, {rested});"
            )
        };
        let events: String = (0..4)
            .map(|number| {
                format!(
                    "INSERT INTO events (id, organization_id, name_id, public, test, accepted_at, reference)
                     VALUES ({}, {LARKSPUR}, 1, 0, 0, {at}, 'order-{number}');
                     INSERT INTO bodies (event_id, hash, data) VALUES ({}, {}, {});",
                    evt + number, evt + number, bytes(&hash), bytes(data)
                )
            })
            .collect();
        let rested = at.to_string();
        format!(
            "INSERT INTO organizations (id, name, slug, add_ons, webhooks, created_at, updated_at)
                VALUES ({LARKSPUR}, 'Larkspur', 'larkspur', 2, 1, {at}, {at});
             INSERT INTO event_type_names (id, name) VALUES (1, 'project.updated');
             INSERT INTO event_types (name_id, audience, position, label, description, active, compatible, enforced)
                VALUES (1, 0, 0, 'Project updated', 'x', 1, 1, 0);
             INSERT INTO endpoints (id, organization_id, url, description, {header_columns}, enabled, version, newest_secret,
                created_at, updated_at)
                VALUES ({ep}, {LARKSPUR}, 'https://old.example/hook', 'old', {headers}, 1, 1, {}, {at}, {at});
             INSERT INTO endpoint_versions VALUES ({ep}, 1, 'https://old.example/hook', '{headers_then}');
             INSERT INTO subscriptions VALUES ({ep}, 1, 0);
             INSERT INTO api_keys (id, hash, scope, description, created_at)
                VALUES (9, {}, 'producer', 'theirs', {at});
             INSERT INTO audit (id, at, actor, organization_id, act, subject)
                VALUES (7, {at}, 'server', {LARKSPUR}, 'organization.put', '{LARKSPUR}');
             {events}{}{}{}{}
             INSERT INTO attempts VALUES ({evt}, {ep}, 1, {at}, 5, NULL, NULL, NULL, NULL, 900, {}, 'fine', 1, 1, 'ab',
                'v1,ab', NULL, {}, {}, 2);
             INSERT INTO idempotency_keys VALUES ({LARKSPUR}, 'old', {}, {evt}, {at});
             INSERT INTO events_listed VALUES ({LARKSPUR}, {evt});
             INSERT INTO references_listed VALUES ({LARKSPUR}, 'order-0', {evt});
             INSERT INTO deliveries_listed VALUES ({ep}, {evt});",
            bytes(&secret),
            bytes(&[3; 32]),
            delivery(evt, 2, 1, 1, &rested),
            delivery(evt + 1, 0, 0, 0, "NULL"),
            delivery(evt + 2, 1, 0, 1, "NULL"),
            delivery(evt + 3, 3, 3, 1, &rested),
            OK.code(),
            bytes(b"server: old"),
            bytes(b"ok"),
            bytes(&[1; 16]),
        )
    }

    /// What later formats added, by what they have.
    fn later(&self, format: usize) -> String {
        let (at, ep) = (self.moment.as_micros(), self.endpoint.raw());
        let mut rows = String::new();
        if format >= Place::STATS {
            rows += &format!(
                "INSERT INTO stats VALUES ({ep}, {}, 1, 41);",
                at / 600_000_000
            );
        }
        if format >= Place::ACCOUNTS {
            rows += &format!(
                "INSERT INTO accounts VALUES (21, 'ada@larkspur.example', 0, '$argon2id$x', {at}, NULL);
                 INSERT INTO account_grants VALUES (21, {LARKSPUR}, 'administrator');"
            );
        }
        if format >= Place::AUDIT {
            rows += &format!(
                "INSERT INTO audit (id, at, actor, act, subject, outcome, chain, previous, digest)
                    VALUES (8, {at}, 'anyone', 'request.refuse', 'GET /v1/keys', 'refused', 0, {}, {});",
                bytes(&[0; 32]), bytes(&[5; 32])
            );
        }
        rows
    }

    fn fill(&self, place: &Place, format: usize) {
        let canary = seal::canary(&MasterKey::from_bytes([7; 32])).unwrap();
        place.begin_format(format, &canary, self.event);
        place.run(&format!("{}{}", self.first(format), self.later(format)));
    }

    fn delivery(&self, number: i64) -> DeliveryId {
        DeliveryId {
            event: EventId::from_raw(self.event.raw() + number),
            endpoint: self.endpoint,
        }
    }

    /// Opens the data with this version, and looks at the meaning of every row.
    async fn check(&self, place: Place, format: usize, shown: &str) {
        let clock = World::empty().1;
        let world = World::over(place, clock);
        self.directory(&world, shown);
        while world.store.recover(world.clock.now()).await.unwrap() > 0 {}
        self.deliveries(&world, shown).await;
        records(&world, format).await;
        self.goes_on(world, shown).await;
    }

    fn directory(&self, world: &World, shown: &str) {
        let larkspur = organization(LARKSPUR);
        let owner = world.store.organization(larkspur).unwrap();
        assert_eq!(
            (owner.name.as_str(), owner.kept),
            ("Larkspur", KeptDays::default()),
            "{shown}"
        );
        let endpoint = world.store.endpoint(Reach::All, self.endpoint).unwrap();
        assert_eq!(endpoint.url.as_str(), "https://old.example/hook");
        assert_eq!(&*endpoint.event_types, [wire(UPDATED)]);
        let secrets = world
            .store
            .secrets(Reach::All, self.endpoint)
            .unwrap()
            .unwrap();
        assert_eq!(secrets.newest().expose(), b"whsec_of_old");
        let headers = world.store.headers(Reach::All, self.endpoint);
        let headers = headers.unwrap().unwrap();
        let sent: Vec<_> = headers.iter().collect();
        assert_eq!(sent, [("authorization", TOKEN), ("x-empty", "")], "{shown}");
        let in_clear = world.place.dump().into_iter().any(|file| {
            let mut parts = file.windows(TOKEN.len());
            parts.any(|part| part == TOKEN.as_bytes())
        });
        assert!(!in_clear, "{shown}");
        let key = world.store.key(&[3; 32]).unwrap();
        assert_eq!((key.id, key.scope), (KeyId::from_raw(9), Scope::Producer));
    }

    async fn deliveries(&self, world: &World, shown: &str) {
        let found = world
            .store
            .event(Reach::All, self.event)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            found.data.as_deref(),
            Some(&br#"{"id":"318842"}"#[..]),
            "{shown}"
        );
        assert_eq!(found.summary.reference.unwrap().as_str(), "order-0");
        assert_eq!(found.summary.erased_at, None);
        for (number, state) in [
            (0, State::Delivered),
            (1, State::Due),
            (2, State::Due),
            (3, State::Exhausted),
        ] {
            assert_eq!(
                world.state(self.delivery(number)),
                state,
                "{shown}: {number}"
            );
        }
        let detail = world
            .store
            .delivery(Reach::All, self.delivery(0))
            .await
            .unwrap()
            .unwrap();
        let attempt = &detail.attempts[0];
        assert_eq!(
            (attempt.url.as_str(), attempt.record.detail.as_str()),
            ("https://old.example/hook", "fine")
        );
        assert_eq!(&attempt.record.answer.body[..], b"ok");
        let sent: Vec<_> = attempt.headers.iter().collect();
        assert_eq!(sent, ["authorization", "x-empty"], "{shown}");
        let all = DeliveryFilter::default();
        let list = world.store.deliveries(organization(LARKSPUR), all, page());
        assert_eq!(list.await.unwrap().items.len(), 4, "{shown}");
    }

    /// New things come above the old ones, and what waited is sent.
    async fn goes_on(&self, mut world: World, shown: &str) {
        let new = world.post(event(LARKSPUR)).await;
        assert!(new.raw() > self.event.raw() + 3, "{shown}");
        let job = world.job();
        world.end(job, OK).await;
        let mut waited: Vec<_> = world
            .claim(10)
            .await
            .jobs
            .into_iter()
            .map(|job| job.delivery)
            .collect();
        waited.sort();
        assert_eq!(waited, [self.delivery(1), self.delivery(2)], "{shown}");
        let mut again = crate::verbs::keyed(LARKSPUR, "old", 1);
        again.event.reference = None;
        let repeated = world.store.accept(vec![again]).await.unwrap();
        assert_eq!(repeated, [Accepted::Repeated(self.event)], "{shown}");
        let retried = world
            .store
            .retry(Reach::All, self.delivery(3), actor())
            .await;
        assert_eq!(retried, Ok(tidings::store::log::Retried::Due), "{shown}");
    }
}

fn page() -> PageRequest {
    PageRequest {
        limit: 10,
        after: None,
    }
}

/// What was counted, who was let in, and what is on the audit log, as far as the format had them.
async fn records(world: &World, format: usize) {
    let audit = world
        .store
        .audit(AuditFilter::default(), page())
        .await
        .unwrap()
        .items;
    assert!(
        audit
            .iter()
            .any(|entry| entry.id.raw() == 7 && entry.act == "organization.put")
    );
    if format >= Place::STATS {
        assert_eq!(
            world.count(
                "SELECT sum(count)::int8 FROM stats"
                    .replace("::int8", Place::INT)
                    .as_str()
            ),
            41
        );
    }
    if format >= Place::ACCOUNTS {
        let account = world
            .store
            .account(AccountId::from_raw(21))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(account.name, "ada@larkspur.example");
    }
    if format >= Place::AUDIT {
        assert!(
            audit
                .iter()
                .any(|entry| entry.id.raw() == 8 && entry.link.is_some())
        );
    }
}

#[tokio::test]
async fn r19_data_of_every_format_means_the_same_afterwards() {
    let old = Old::new();
    for format in 1..=Place::FORMATS {
        let place = Place::new();
        old.fill(&place, format);
        old.check(place, format, &format!("format {format}")).await;
    }
}

#[tokio::test]
async fn r19_killed_at_any_statement_of_any_migration_it_starts_again_and_is_right() {
    let old = Old::new();
    for format in 1..Place::FORMATS {
        for done in 0.. {
            let place = Place::new();
            old.fill(&place, format);
            let shown = format!("format {format}, killed after {done} statements");
            let Some(place) = place.killed_in(format + 1, done) else {
                break;
            };
            old.check(place, format, &shown).await;
        }
    }
}

#[tokio::test]
async fn r19_newer_data_is_refused_with_the_version_that_it_needs() {
    let world = World::with_organizations().await;
    let (place, clock) = (world.place, world.clock);
    drop(world.store);
    place.written_by_newer("9.8.7");
    let (handover, _engine) = tidings::store::handover::channel(Room::new(10, 1 << 20));
    let refused = place.open(&clock, handover, MasterKey::from_bytes([7; 32]));
    let refused = refused.err().unwrap().to_string();
    assert!(
        refused.contains("use the version that wrote it (9.8.7) or later"),
        "{refused}"
    );
}

#[tokio::test]
async fn s6_another_master_key_seals_nothing_of_old_data() {
    let old = Old::new();
    let format = Place::SEALED_HEADERS - 1;
    let (place, clock) = (Place::new(), World::empty().1);
    old.fill(&place, format);
    let (handover, _engine) = tidings::store::handover::channel(Room::new(10, 1 << 20));
    let refused = place.open(&clock, handover, MasterKey::from_bytes([8; 32]));
    assert!(matches!(refused, Err(StoreError::WrongMasterKey { .. })));
    old.check(place, format, "with the right key afterwards")
        .await;
}
