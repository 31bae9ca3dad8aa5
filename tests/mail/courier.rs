//! From a change to a mail: what is queued, gathered, tried again, and never lost.

use crate::sending::settings;
use crate::stub::{Script, Stub};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tidings::app::notices::{Courier, Round};
use tidings::clock::Clock;
use tidings::mail::{Mailer, Sent};
use tidings::store::Actor;
use tidings::store::directory::{
    CreateEndpoint, Directory as _, EndpointPatch, NewEndpoint, OrganizationChange, SwitchChange,
};
use tidings::store::handover;
use tidings::store::notices::{NoticeRule, Notices, Told};
use tidings::store::room::Room;
use tidings::store::seal::MasterKey;
use tidings::store::sql::SqlStore;
use tidings::store::sqlite::{self, Options};
use tidings_core::address::TargetUrl;
use tidings_core::endpoint::CustomHeaders;
use tidings_core::id::{EndpointId, OrganizationId};
use tidings_core::organization::{AddOn, AddOns, Switch};
use tidings_core::secret::Secret;
use tidings_core::time::Timestamp;

const BASE: &str = "https://webhooks.example.org";

struct World {
    folder: TempDir,
    clock: Clock,
    store: Arc<SqlStore>,
    stub: Stub,
    endpoint: EndpointId,
    courier: Courier,
    on: bool,
}

fn owner() -> OrganizationId {
    OrganizationId::new(4_417).unwrap()
}

async fn open(folder: &TempDir, clock: &Clock, stub: &Stub) -> (Arc<SqlStore>, Courier) {
    let (handover, _engine) = handover::channel(Room::new(100, 1 << 20));
    let store = sqlite::open(Options {
        directory: folder.path().join("data"),
        clock: clock.clone(),
        handover,
        key: MasterKey::from_bytes([7; 32]),
    })
    .unwrap();
    let rule = NoticeRule {
        organization: None,
        mail: true,
        base: String::from(BASE),
    };
    assert_eq!(store.tell_notices(Some(rule)).await, Ok(Told::Ready));
    let url = format!("smtp://{}", stub.address);
    let mailer = Mailer::new(&settings(&url, &["ops@example.org"]), &[]).unwrap();
    let notices = Arc::clone(&store) as Arc<dyn Notices>;
    let courier = Courier::new(notices, mailer, String::from(BASE), clock.clone());
    (store, courier)
}

impl World {
    /// With an endpoint of an organization of that name.
    async fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::manual(Timestamp::parse_rfc3339("2026-03-01T09:30:00Z").unwrap());
        let stub = Stub::start(Script::default()).await;
        let (store, courier) = open(&folder, &clock, &stub).await;
        let change = OrganizationChange {
            name: name.to_owned(),
            slug: None,
            add_ons: AddOns::NONE.with(AddOn::ApiAccess),
            kept: None,
            restore: false,
        };
        store
            .put_organization(owner(), change, Actor::server())
            .await
            .unwrap();
        let new = NewEndpoint {
            url: TargetUrl::from_stored("https://crm.example.com/hook?token=hunter2").unwrap(),
            description: String::new(),
            event_types: Vec::new(),
            switch: Switch::On,
            headers: CustomHeaders::default(),
            secret: Secret::imported(b"whsec_first".to_vec()).unwrap(),
        };
        let made = store.create_endpoint(owner(), new, Actor::server()).await;
        let CreateEndpoint::Created(endpoint) = made.unwrap() else {
            panic!("not made")
        };
        Self {
            folder,
            clock,
            store,
            stub,
            endpoint: endpoint.id,
            courier,
            on: true,
        }
    }

    /// One notice more.
    async fn switch(&mut self) {
        self.on = !self.on;
        let patch = EndpointPatch {
            switch: Some(if self.on {
                SwitchChange::OnSendHeld
            } else {
                SwitchChange::Off
            }),
            ..EndpointPatch::default()
        };
        let changed = self
            .store
            .patch_endpoint(owner(), self.endpoint, patch, Actor::server());
        changed.await.unwrap();
    }

    async fn round(&mut self, pass: u64) -> Round {
        self.clock
            .set(self.clock.now().plus(Duration::from_secs(pass)));
        self.courier.round().await.unwrap()
    }
}

fn mailed(count: usize) -> Round {
    Round::Mailed(
        count,
        Sent {
            refused: Vec::new(),
        },
    )
}

#[tokio::test]
async fn several_notices_within_some_minutes_are_one_mail() {
    let mut world = World::new("Larkspur Commons").await;
    assert_eq!(world.round(0).await, Round::Quiet);
    world.switch().await;
    assert_eq!(world.round(59).await, Round::Quiet);
    world.switch().await;
    assert_eq!(world.round(1).await, mailed(2));
    let mail = world.stub.taken().remove(0);
    assert_eq!(
        mail.header("subject"),
        "Tidings: 2 notices: switched off, switched on"
    );
    let text = mail.text();
    let wanted = [
        "2026-03-01T09:30:00.000Z  Switched off",
        "crm.example.com of Larkspur Commons was switched off by server.",
        "What to do: Nothing, if this was meant.",
        &format!("{BASE}/admin/integrations/webhooks/{}", world.endpoint),
        "2026-03-01T09:30:59.000Z  Switched on",
        "because notices.email_to names this address",
    ];
    let mut rest = text.as_str();
    for line in wanted {
        rest = rest
            .split_once(line)
            .unwrap_or_else(|| panic!("{line} in {text}"))
            .1;
    }
    assert!(!text.contains("hunter2"));
    // The next one waits until five minutes are over.
    world.switch().await;
    assert_eq!(world.round(299).await, Round::Quiet);
    assert_eq!(world.round(1).await, mailed(1));
    assert_eq!(world.stub.taken().len(), 1);
    assert_eq!(world.round(9_000).await, Round::Quiet);
}

#[tokio::test]
async fn a_server_that_is_away_is_tried_again_and_gets_everything() {
    let mut world = World::new("Larkspur Commons").await;
    let busy = Script {
        answers: vec![("CONNECT", "421 too busy")],
        ..Script::default()
    };
    world.stub.behave(busy);
    world.switch().await;
    let mut waits = Vec::new();
    let mut pass = 60;
    for _ in 0..7 {
        let Round::Failed(error, wait) = world.round(pass).await else {
            panic!("it was away")
        };
        assert!(error.to_string().contains("421 too busy"));
        assert_eq!(world.round(0).await, Round::Quiet);
        waits.push(wait.as_secs() / 60);
        pass = wait.as_secs();
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
    // In another life of the process it is not forgotten either.
    let World {
        folder,
        clock,
        store,
        stub,
        endpoint,
        courier,
        on,
    } = world;
    drop((store, courier));
    let (store, courier) = open(&folder, &clock, &stub).await;
    let mut world = World {
        folder,
        clock,
        store,
        stub,
        endpoint,
        courier,
        on,
    };
    world.stub.behave(Script::default());
    world.switch().await;
    assert_eq!(world.round(1_800).await, mailed(2));
    assert_eq!(world.stub.taken().len(), 1);
}

#[tokio::test]
async fn names_put_no_header_and_no_recipient_into_a_mail() {
    let evil =
        "Larkspur\r\nBcc: all@example.com\r\n\r\n.\r\nRCPT TO:<all@example.com>\r\n=?utf-8?q?x?=";
    let mut world = World::new(evil).await;
    world.switch().await;
    assert_eq!(world.round(60).await, mailed(1));
    let mail = world.stub.taken().remove(0);
    assert_eq!(mail.to, ["RCPT TO:<ops@example.org>"]);
    assert_eq!(
        mail.headers(),
        [
            "auto-submitted",
            "content-transfer-encoding",
            "content-type",
            "date",
            "from",
            "message-id",
            "mime-version",
            "subject",
            "to"
        ]
    );
    let recipients = world.stub.in_the_clear();
    let recipients = recipients.iter().filter(|line| line.starts_with("RCPT"));
    assert_eq!(recipients.count(), 1);
    assert!(
        mail.text().contains("of Larkspur  Bcc: all@example.com"),
        "{}",
        mail.text()
    );
}

#[tokio::test]
async fn r12_a_clock_that_was_set_back_holds_no_mail_up() {
    let mut world = World::new("Larkspur Commons").await;
    let before = world.clock.now();
    world
        .clock
        .jump(before.plus(Duration::from_secs(10 * 86_400)));
    world.switch().await;
    assert_eq!(world.round(60).await, mailed(1));
    world.switch().await;
    world.clock.jump(before);
    assert_eq!(world.round(60).await, mailed(1));
}
