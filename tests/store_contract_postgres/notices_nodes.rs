//! Notices where several nodes deliver: whoever sees it, it is told once.

use crate::nodes::Node;
use crate::notices::{OPERATORS, rule};
use crate::notices_kept::statuses;
use crate::verbs::{FAILED, OK, ended, event};
use crate::world::{LARKSPUR, World, organization};
use std::time::Duration;
use tidings::store::notices::{Notices, Told};
use tidings::store::queue::Queue;
use tidings_core::event_type::TypeStatus;

/// Both nodes look at what was noted, at the same time and again and again.
async fn both_look(world: &World, two: &Node) {
    world.pass(Duration::from_secs(6));
    for _ in 0..20 {
        let now = world.clock.now();
        let (one, other) = tokio::join!(world.store.upkeep(now), two.store.upkeep(now));
        one.unwrap();
        other.unwrap();
        world.pass(Duration::from_secs(1));
    }
}

fn told(world: &World, kind: &str) -> i64 {
    world.count(&format!(
        "SELECT count(*) FROM events e JOIN event_type_names n ON n.id = e.name_id
         WHERE e.organization_id = {OPERATORS} AND n.name = '{kind}'"
    ))
}

#[tokio::test]
async fn what_several_nodes_see_is_told_once() {
    let mut world = World::telling().await;
    world.endpoint(LARKSPUR, &[crate::verbs::UPDATED]).await;
    let mut two = Node::beside(&world, "two", 100);
    let rule = rule(Some(OPERATORS), true);
    assert_eq!(two.store.tell_notices(Some(rule)).await, Ok(Told::Ready));
    // Each of them uses up the tries of some deliveries.
    for _ in 0..3 {
        let job = world.posted().await;
        world.exhaust(job).await;
        two.store.accept(vec![event(LARKSPUR)]).await.unwrap();
        let mut job = two.engine.jobs.try_recv().unwrap().remove(0);
        for wait in [10, 100] {
            let result = ended(job, FAILED, world.clock.now());
            two.store.settle(vec![result]).await.unwrap();
            world.pass(Duration::from_secs(wait));
            job = two
                .store
                .claim(1, world.clock.now())
                .await
                .unwrap()
                .jobs
                .remove(0);
        }
        let result = ended(job, FAILED, world.clock.now());
        two.store.settle(vec![result]).await.unwrap();
    }
    both_look(&world, &two).await;
    assert_eq!(told(&world, "endpoint.exhausted"), 1);
    assert_eq!(told(&world, "endpoint.failing"), 1);
    assert_eq!(world.count("SELECT untold FROM troubles"), 0);
    // A third node that saw nothing of it sees the first success.
    let mut three = Node::beside(&world, "three", 100);
    let rule = crate::notices::rule(Some(OPERATORS), true);
    three.store.tell_notices(Some(rule)).await.unwrap();
    three.store.accept(vec![event(LARKSPUR)]).await.unwrap();
    let job = three.engine.jobs.try_recv().unwrap().remove(0);
    assert_eq!(job.organization, organization(LARKSPUR));
    let result = ended(job, OK, world.clock.now());
    three.store.settle(vec![result]).await.unwrap();
    both_look(&world, &two).await;
    assert_eq!(told(&world, "endpoint.recovered"), 1);
    // The others still thought that it fails; what succeeds there is not told again.
    let job = world.posted().await;
    world.end(job, OK).await;
    both_look(&world, &two).await;
    assert_eq!(told(&world, "endpoint.recovered"), 1);
    // And of several nodes one mails it.
    let lease = Duration::from_secs(600);
    let (one, other) = tokio::join!(
        world.store.take_mails(100, lease),
        two.store.take_mails(100, lease)
    );
    assert_eq!(one.unwrap().len() + other.unwrap().len(), 3);
}

#[tokio::test]
async fn a_node_without_the_setting_leaves_the_types_to_the_others() {
    let world = World::telling().await;
    let active = [Some(TypeStatus::Active); 6];
    assert_eq!(statuses(&world), active);
    let two = Node::beside(&world, "two", 100);
    assert_eq!(two.store.tell_notices(None).await, Ok(Told::Ready));
    // What it wrote would be seen with the next transaction.
    world.store.upkeep(world.clock.now()).await.unwrap();
    assert_eq!(statuses(&world), active);
    // Alone it switches them off.
    two.store.close().await;
    assert_eq!(world.store.tell_notices(None).await, Ok(Told::Ready));
    assert_eq!(statuses(&world), [Some(TypeStatus::Inactive); 6]);
}
