//! Notices: there exactly if what they tell of is, once, in every life of the process; and nothing where nobody is told.

use crate::verbs::{FAILED, OK, UPDATED, event};
use crate::world::{LARKSPUR, RIVERSIDE, World, actor, one_add_on, organization, secret};
use serde_json::{Value, json};
use std::time::Duration;
use tidings::store::Actor;
use tidings::store::directory::{Directory, Endpoint, EndpointPatch, Rotation, SwitchChange};
use tidings::store::notices::{MAIL_KEPT, NoticeRule, Notices, Told};
use tidings::store::queue::{Job, Queue};
use tidings_core::notice::Kind;
use tidings_core::secret::Overlap;

/// The organization that operators use for notices.
pub const OPERATORS: i64 = 77;

pub fn rule(organization: Option<i64>, mail: bool) -> NoticeRule {
    NoticeRule {
        organization: organization.map(crate::world::organization),
        mail,
        base: String::from("https://webhooks.example.org"),
    }
}

pub fn kinds() -> Vec<&'static str> {
    Kind::ALL.into_iter().map(Kind::name).collect()
}

impl World {
    /// A world whose operators are told everything, at one endpoint and by mail.
    pub async fn telling() -> Self {
        let world = Self::with_organizations().await.tells().await;
        world.put_organization(OPERATORS, one_add_on()).await;
        world.endpoint(OPERATORS, &kinds()).await;
        world
    }

    pub async fn tells(self) -> Self {
        let told = self.store.tell_notices(Some(rule(Some(OPERATORS), true)));
        assert_eq!(told.await, Ok(Told::Ready));
        self
    }

    /// Upkeep looks at what was noted; answers the notices that were handed over since the last look, by kind, with what they
    /// carry.
    pub async fn notices(&mut self) -> Vec<(String, Value)> {
        self.pass(Duration::from_secs(2));
        self.rest().await;
        self.told()
    }

    fn told(&mut self) -> Vec<(String, Value)> {
        let jobs = self.jobs().into_iter();
        jobs.filter(|job| job.organization == organization(OPERATORS))
            .map(|job| {
                let data = serde_json::from_slice(&job.data).unwrap();
                (job.wire_type.to_string(), data)
            })
            .collect()
    }

    /// Fails a delivery until its tries are used up, from its first job on.
    pub async fn exhaust(&mut self, mut job: Job) {
        for wait in [10, 100] {
            self.end(job, FAILED).await;
            self.pass(Duration::from_secs(wait));
            job = self.claim(1).await.jobs.remove(0);
        }
        self.end(job, FAILED).await;
    }

    /// Posts an event of Larkspur's and answers its first job.
    pub async fn posted(&mut self) -> Job {
        self.post(event(LARKSPUR)).await;
        let jobs = self.jobs().into_iter();
        let mut own = jobs.filter(|job| job.organization == organization(LARKSPUR));
        own.next().unwrap()
    }

    /// An endpoint of Larkspur's that was just told to be failing: since its first failure, six minutes ago.
    async fn failing(&mut self) -> std::sync::Arc<Endpoint> {
        let endpoint = self.endpoint(LARKSPUR, &[UPDATED]).await;
        for _ in 0..5 {
            let job = self.posted().await;
            self.end(job, FAILED).await;
            self.pass(Duration::from_secs(90));
        }
        endpoint
    }
}

fn names(notices: &[(String, Value)]) -> Vec<&str> {
    notices.iter().map(|(kind, _)| kind.as_str()).collect()
}

#[tokio::test]
async fn a_notice_of_a_switch_or_a_rotation_is_there_with_the_change() {
    let mut world = World::telling().await;
    let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await;
    world.jobs();
    world.switch(&endpoint, SwitchChange::Off).await;
    let told = world.told();
    assert_eq!(names(&told), ["endpoint.switched_off"]);
    let about = &told[0].1;
    assert_eq!(about["by"], "key key_1");
    assert_eq!(
        about["organization"],
        json!({"id": LARKSPUR, "name": "Organization 4417"})
    );
    assert_eq!(
        about["endpoint"],
        json!({"id": endpoint.id.to_string(), "host": "receiver.example", "description": "their CRM"})
    );
    assert_eq!(
        about["console"],
        format!(
            "https://webhooks.example.org/admin/integrations/webhooks/{}",
            endpoint.id
        )
    );
    assert!(
        about["text"]
            .as_str()
            .unwrap()
            .starts_with("receiver.example of Organization 4417 was switched off")
    );
    // What changes nothing tells nothing.
    world.switch(&endpoint, SwitchChange::Off).await;
    let described = EndpointPatch {
        description: Some(String::from("another")),
        ..EndpointPatch::default()
    };
    let owner = organization(LARKSPUR);
    world
        .store
        .patch_endpoint(owner, endpoint.id, described, actor())
        .await
        .unwrap();
    assert_eq!(names(&world.told()), [""; 0]);
    world.switch(&endpoint, SwitchChange::OnSendHeld).await;
    assert_eq!(names(&world.told()), ["endpoint.switched_on"]);
}

#[tokio::test]
async fn a_notice_of_a_rotation_says_until_when_the_old_secret_is_valid() {
    let mut world = World::telling().await;
    let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await;
    world.jobs();
    let owner = organization(LARKSPUR);
    for (fresh, overlap) in [("whsec_second", 3_600), ("whsec_third", 0)] {
        let rotation = Rotation {
            fresh: secret(fresh),
            overlap: Overlap::from_seconds(overlap).unwrap(),
        };
        let rotated = world
            .store
            .rotate_secret(owner, endpoint.id, rotation, Actor::server());
        rotated.await.unwrap();
        let told = world.told();
        assert_eq!(names(&told), ["endpoint.secret_rotated"]);
        let until = world
            .clock
            .now()
            .plus(Duration::from_secs(overlap))
            .rfc3339();
        let wanted = if overlap == 0 {
            Value::Null
        } else {
            json!(until)
        };
        assert_eq!(told[0].1["older_valid_until"], wanted);
        assert!(!told[0].1.to_string().contains("whsec"));
    }
    // On the log of the operators' organization like any event, found by the endpoint's id.
    assert_eq!(
        world.count(&format!(
            "SELECT count(*) FROM events WHERE organization_id = {OPERATORS} AND reference = '{}'",
            endpoint.id
        )),
        2
    );
}

#[tokio::test]
async fn all_webhooks_of_an_organization_are_one_notice() {
    let mut world = World::telling().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    world.jobs();
    for (switch, kind) in [
        (SwitchChange::Off, "endpoint.switched_off"),
        (SwitchChange::OnSendHeld, "endpoint.switched_on"),
    ] {
        let set = world
            .store
            .set_webhooks(organization(LARKSPUR), switch, actor());
        set.await.unwrap();
        let told = world.told();
        assert_eq!(names(&told), [kind]);
        assert_eq!(told[0].1["endpoint"], Value::Null);
    }
}

#[tokio::test]
async fn what_is_exhausted_is_told_once_an_hour_with_how_many() {
    let mut world = World::telling().await;
    let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await;
    let job = world.posted().await;
    world.exhaust(job).await;
    let told = world.notices().await;
    assert_eq!(names(&told), ["endpoint.exhausted"]);
    let about = &told[0].1;
    assert_eq!(
        (&about["exhausted"], &about["since"]),
        (&json!(1), &Value::Null)
    );
    assert_eq!(
        (&about["last"]["status"], &about["last"]["outcome"]),
        (&json!(500), &json!("status"))
    );
    assert!(about["console"].as_str().unwrap().ends_with(&format!(
        "/admin/deliveries?organization={LARKSPUR}&endpoint={}&state=exhausted",
        endpoint.id
    )));
    for _ in 0..2 {
        let job = world.posted().await;
        world.exhaust(job).await;
        let told = world.notices().await;
        // So much fails that it is an outage by now: another matter.
        assert!(!names(&told).contains(&"endpoint.exhausted"));
    }
    world.pass(Duration::from_secs(3_600));
    let told = world.notices().await;
    assert_eq!(names(&told), ["endpoint.exhausted"]);
    assert_eq!(told[0].1["exhausted"], 2);
    assert!(told[0].1["since"].is_string());
}

#[tokio::test]
async fn an_outage_is_told_once_and_so_is_its_end() {
    let mut world = World::telling().await;
    // The first attempt ends 3 ms after it began.
    let failed = world.clock.now().plus(Duration::from_millis(3));
    world.failing().await;
    let told = world.notices().await;
    assert_eq!(names(&told), ["endpoint.failing"]);
    let about = &told[0].1;
    assert_eq!(
        (&about["since"], &about["failed_attempts"]),
        (&json!(failed.rfc3339()), &json!(5))
    );
    assert_eq!(about["waiting"], 5);
    for _ in 0..3 {
        let job = world.posted().await;
        world.end(job, FAILED).await;
        assert_eq!(names(&world.notices().await), [""; 0]);
    }
    let job = world.posted().await;
    world.end(job, OK).await;
    let told = world.notices().await;
    assert_eq!(names(&told), ["endpoint.recovered"]);
    assert_eq!(told[0].1["failed_attempts"], 8);
    let job = world.posted().await;
    world.end(job, OK).await;
    assert_eq!(names(&world.notices().await), [""; 0]);
    world.pass(Duration::from_secs(3_600));
    world.notices().await;
    assert_eq!(world.count("SELECT count(*) FROM troubles"), 0);
}

#[tokio::test]
async fn a_crash_neither_loses_nor_doubles_a_notice() {
    let mut world = World::telling().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    let job = world.posted().await;
    world.exhaust(job).await;
    // The results are on disk, nobody looked at what was noted with them.
    let mut world = world.reopen().tells().await;
    assert_eq!(names(&world.notices().await), ["endpoint.exhausted"]);
    // The notice is on disk, nobody sent it.
    let mut world = world.reopen().tells().await;
    world.store.recover(world.clock.now()).await.unwrap();
    assert_eq!(names(&world.notices().await), [""; 0]);
    let jobs = world.claim(100).await.jobs;
    let notices = jobs
        .iter()
        .filter(|job| &*job.wire_type == "endpoint.exhausted");
    assert_eq!(notices.count(), 1);
    // A new life knows which endpoints fail: the first success is told.
    let job = world.posted().await;
    world.end(job, OK).await;
    let mut world = world.reopen().tells().await;
    assert_eq!(names(&world.notices().await), ["endpoint.recovered"]);
    assert_eq!(world.count("SELECT count(*) FROM trouble_notes"), 0);
}

#[tokio::test]
async fn tests_tries_by_hand_and_faults_of_ours_are_no_trouble() {
    use tidings_core::outcome::{Outcome, OwnFault};
    let mut world = World::telling().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    let job = world.posted().await;
    let id = job.delivery;
    world.exhaust(job).await;
    assert_eq!(names(&world.notices().await), ["endpoint.exhausted"]);
    world.retry(id).await;
    let job = world.claim(1).await.jobs.remove(0);
    world.end(job, FAILED).await;
    let job = world.posted().await;
    world.end(job, Outcome::OwnFault(OwnFault::Network)).await;
    world.pass(Duration::from_secs(3_600));
    assert_eq!(names(&world.notices().await), [""; 0]);
}

#[tokio::test]
async fn switched_off_an_endpoint_is_in_no_outage() {
    let mut world = World::telling().await;
    let endpoint = world.failing().await;
    assert_eq!(names(&world.notices().await), ["endpoint.failing"]);
    let late = world.posted().await;
    world.switch(&endpoint, SwitchChange::Off).await;
    world.end(late, FAILED).await;
    assert_eq!(names(&world.notices().await), ["endpoint.switched_off"]);
    world.pass(Duration::from_secs(40_000));
    world.switch(&endpoint, SwitchChange::OnDiscardHeld).await;
    assert_eq!(names(&world.notices().await), ["endpoint.switched_on"]);
    let job = world.posted().await;
    world.end(job, OK).await;
    assert_eq!(names(&world.notices().await), [""; 0]);
    assert_eq!(
        world.count("SELECT count(*) FROM troubles WHERE since IS NOT NULL"),
        0
    );
}

#[tokio::test]
async fn a_deleted_endpoint_is_forgotten() {
    let mut world = World::telling().await;
    let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await;
    let job = world.posted().await;
    world.end(job, FAILED).await;
    world.notices().await;
    assert_eq!(world.count("SELECT count(*) FROM troubles"), 1);
    let job = world.posted().await;
    world.pass(Duration::from_secs(6));
    world
        .store
        .delete_endpoint(organization(LARKSPUR), endpoint.id, actor())
        .await
        .unwrap();
    world.end(job, FAILED).await;
    assert_eq!(names(&world.notices().await), [""; 0]);
    assert_eq!(world.count("SELECT count(*) FROM troubles"), 0);
}

#[tokio::test]
async fn about_the_notices_own_endpoints_no_event_is_made_and_a_mail_is() {
    let mut world = World::telling().await;
    let theirs = world.endpoint(RIVERSIDE, &[UPDATED]).await;
    world.switch(&theirs, SwitchChange::Off).await;
    let job = world.jobs().remove(0);
    assert_eq!(job.organization, organization(OPERATORS));
    world.exhaust(job).await;
    assert_eq!(names(&world.notices().await), [""; 0]);
    let mails = world.store.take_mails(10, MAIL_KEPT).await.unwrap();
    let kinds: Vec<&str> = mails.iter().map(|mail| mail.kind.as_str()).collect();
    assert_eq!(kinds, ["endpoint.switched_off", "endpoint.exhausted"]);
    assert_eq!(
        world.count(&format!(
            "SELECT count(*) FROM events WHERE organization_id = {OPERATORS}"
        )),
        1
    );
}

#[tokio::test]
async fn where_nobody_is_told_nothing_is_noted() {
    let mut world = World::with_organizations().await;
    let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await;
    let job = world.posted().await;
    world.exhaust(job).await;
    world.switch(&endpoint, SwitchChange::Off).await;
    let empty = |world: &World| {
        ["trouble_notes", "troubles", "notice_mails"]
            .map(|table| world.count(&format!("SELECT count(*) FROM {table}")))
    };
    assert_eq!(empty(&world), [0; 3]);
    // What was noted while somebody was is forgotten when nobody is any more.
    let mut world = world.tells().await;
    world.switch(&endpoint, SwitchChange::OnSendHeld).await;
    let job = world.posted().await;
    world.exhaust(job).await;
    assert_eq!(
        world.notices().await.len(),
        0,
        "there is no such organization"
    );
    let job = world.posted().await;
    world.exhaust(job).await;
    assert_ne!(empty(&world), [0; 3]);
    assert_eq!(world.store.tell_notices(None).await, Ok(Told::Ready));
    assert_eq!(empty(&world), [0; 3]);
}
