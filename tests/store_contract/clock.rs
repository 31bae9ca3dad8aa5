//! R12: a clock that jumps ahead and back neither silences nor loses anything. Whoever sets a computer's clock lets no time
//! pass, so these jump.

use crate::erase::finished;
use crate::notices::OPERATORS;
use crate::verbs::{FAILED, OK, UPDATED, event, keyed};
use crate::world::{LARKSPUR, World, actor, one_add_on};
use serde_json::Value;
use std::time::Duration;
use tidings::store::directory::SwitchChange;
use tidings::store::erasure::Erasing as _;
use tidings::store::notices::{MAIL_KEPT, Notices as _};
use tidings::store::retention::Retention;
use tidings_core::time::Timestamp;

const DAY: Duration = Duration::from_secs(86_400);
const HOUR: Duration = Duration::from_secs(3_600);

impl World {
    /// Sets the clock ahead; answers where it was.
    fn jump(&self, ahead: Duration) -> Timestamp {
        let before = self.clock.now();
        self.clock.jump(before.plus(ahead));
        before
    }

    /// Some upkeep while the clock is ahead, and back.
    async fn for_a_while(&self, ahead: Duration) {
        let before = self.jump(ahead);
        for _ in 0..3 {
            self.rest().await;
            self.pass(Duration::from_secs(7));
        }
        self.clock.jump(before.plus(Duration::from_secs(21)));
    }
}

fn names(notices: &[(String, Value)]) -> Vec<&str> {
    notices.iter().map(|(kind, _)| kind.as_str()).collect()
}

#[tokio::test]
async fn r12_what_is_exhausted_after_a_jump_is_told() {
    let mut world = World::telling().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    world.for_a_while(10 * DAY).await;
    let job = world.posted().await;
    world.exhaust(job).await;
    assert_eq!(names(&world.notices().await), ["endpoint.exhausted"]);
    assert_eq!(world.count("SELECT count(*) FROM trouble_notes"), 0);
}

#[tokio::test]
async fn r12_what_was_told_in_the_future_counts_as_never_told() {
    let mut world = World::telling().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    let before = world.jump(400 * DAY);
    let job = world.posted().await;
    world.exhaust(job).await;
    assert_eq!(names(&world.notices().await), ["endpoint.exhausted"]);
    // Waits for its hour, and that is put off to the far future.
    let job = world.posted().await;
    world.exhaust(job).await;
    world.notices().await;
    world.clock.jump(before);
    let mut world = world.reopen().tells().await;
    let told = world.notices().await;
    assert_eq!(names(&told), ["endpoint.exhausted"]);
    assert_eq!(told[0].1["exhausted"], 1);
    world.pass(HOUR);
    // From then on as ever. Where notices of the life before wait, a new one does, too.
    let notices = format!("SELECT count(*) FROM events WHERE organization_id = {OPERATORS}");
    let before = world.count(&notices);
    let job = world.posted().await;
    world.exhaust(job).await;
    world.notices().await;
    assert!(world.count(&notices) > before);
}

#[tokio::test]
async fn r12_an_erasure_begun_while_the_clock_was_ahead_goes_on() {
    let mut world = World::with_organizations().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    let id = world.post(event(LARKSPUR)).await;
    let job = world.job();
    let before = world.jump(5 * DAY);
    let begun = world.store.erase_event(id, actor()).await.unwrap().unwrap();
    world.rest().await;
    world.clock.jump(before);
    world.end(job, FAILED).await;
    finished(&world, begun.id).await;
}

#[tokio::test]
async fn r12_mails_that_were_put_off_to_the_future_wait_no_longer() {
    let world = World::telling().await;
    let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await;
    let before = world.jump(10 * DAY);
    world.switch(&endpoint, SwitchChange::Off).await;
    let taken = world.store.take_mails(10, MAIL_KEPT).await.unwrap();
    assert_eq!(taken.len(), 1);
    world.clock.jump(before);
    let waiting = world.store.mails_waiting().await.unwrap();
    assert_eq!(waiting.map(|waiting| waiting.count), Some(1));
    assert_eq!(world.store.take_mails(10, MAIL_KEPT).await, Ok(taken));
    // One that nobody tried yet is not too old when the clock says so.
    world.switch(&endpoint, SwitchChange::OnSendHeld).await;
    world.jump(10 * DAY);
    let taken = world.store.take_mails(10, MAIL_KEPT).await.unwrap();
    assert_eq!(taken.len(), 2);
}

/// Everything that goes when it is old.
fn kept(world: &World) -> Vec<Option<i64>> {
    let counted = "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM bodies), (SELECT count(*) FROM attempts),
        (SELECT count(*) FROM idempotency_keys), (SELECT count(*) FROM audit)";
    world.place.numbers(counted).remove(0)
}

/// Something of each, and how much.
async fn keeping() -> (World, Vec<Option<i64>>) {
    let mut world = World::with_organizations().await;
    remember(&world);
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    world.post(keyed(LARKSPUR, "once", 1)).await;
    let job = world.job();
    world.end(job, OK).await;
    world.pass(HOUR);
    world.rest().await;
    let all = kept(&world);
    assert!(all.iter().all(|count| *count > Some(0)), "{all:?}");
    (world, all)
}

fn remember(world: &World) {
    world.store.keep_events(Retention {
        bodies: 30 * DAY,
        records: 90 * DAY,
        audit: 365 * DAY,
    });
}

#[tokio::test]
async fn r12_a_clock_far_ahead_removes_nothing_for_an_hour() {
    let (mut world, all) = keeping().await;
    let before = world.jump(400 * DAY);
    world.rest().await;
    // What is posted meanwhile is no proof that the clock is right.
    world.post(event(LARKSPUR)).await;
    let job = world.job();
    world.end(job, OK).await;
    world.pass(HOUR / 2);
    world.rest().await;
    let more = |all: &[Option<i64>]| all.iter().flatten().sum::<i64>();
    assert_eq!(more(&kept(&world)), more(&all) + 3);
    // Nor is another life of the process.
    let world = world.reopen();
    remember(&world);
    world.rest().await;
    world.pass(HOUR / 2 + Duration::from_secs(60));
    world.rest().await;
    assert_eq!(more(&kept(&world)), more(&all) + 3);
    world.clock.jump(before);
    world.rest().await;
    world.pass(2 * HOUR);
    world.rest().await;
    assert_eq!(more(&kept(&world)), more(&all) + 3, "it is right again");
}

#[tokio::test]
async fn r12_a_server_that_was_off_for_long_goes_on_after_an_hour() {
    let (world, all) = keeping().await;
    world.jump(400 * DAY);
    let world = world.reopen();
    remember(&world);
    world.rest().await;
    world.pass(HOUR - Duration::from_secs(60));
    world.rest().await;
    assert_eq!(kept(&world), all);
    world.pass(Duration::from_secs(61));
    while kept(&world) != [Some(0); 5] {
        world.rest().await;
        world.pass(Duration::from_secs(61));
    }
    // From then on it is believed, also in the next life.
    world.put_organization(OPERATORS, one_add_on()).await;
    let world = world.reopen();
    remember(&world);
    world.pass(366 * DAY);
    world.rest().await;
    assert_eq!(kept(&world)[4], Some(0));
}

#[tokio::test]
async fn r12_after_a_jump_and_back_events_are_stored_as_before() {
    let mut world = World::with_organizations().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    world.for_a_while(40 * DAY).await;
    // Partitions are made ahead of time, and were for another one.
    for _ in 0..4 {
        world.pass(5 * DAY);
        world.post(event(LARKSPUR)).await;
        let job = world.job();
        world.end(job, OK).await;
    }
}
