//! A node that is gone without a clean stop is told of for a while, though others ended its life at once.

use crate::world::World;
use tidings::store::health::Healthy;

/// Nodes and whether they are alive, as every node says.
async fn nodes(world: &World) -> Vec<(String, bool)> {
    let health = world.store.health().await.unwrap();
    health
        .nodes
        .into_iter()
        .map(|node| (node.name, node.alive))
        .collect()
}

#[tokio::test]
async fn a_lost_node_is_told_of_for_a_quarter_of_an_hour_and_one_that_stopped_is_not() {
    let world = World::new();
    // Its name, and how long ago its lease ran out and its life was ended; nobody ended the first yet.
    let lives = [
        ("dying", "interval '1 second'", "NULL"),
        (
            "lost",
            "interval '40 seconds'",
            "now() - interval '30 seconds'",
        ),
        (
            "lost-before",
            "interval '10 minutes'",
            "now() - interval '9 minutes'",
        ),
        (
            "lost-long-ago",
            "interval '17 minutes'",
            "now() - interval '16 minutes'",
        ),
        (
            "stopped",
            "interval '20 seconds'",
            "now() - interval '25 seconds'",
        ),
        (
            "back",
            "interval '40 seconds'",
            "now() - interval '30 seconds'",
        ),
        ("back", "interval '-1 hour'", "NULL"),
        (
            "stopped-later",
            "interval '40 seconds'",
            "now() - interval '30 seconds'",
        ),
        (
            "stopped-later",
            "interval '5 seconds'",
            "now() - interval '9 seconds'",
        ),
    ];
    for (number, (node, ago, ended)) in lives.iter().enumerate() {
        world.place.run(&format!(
            "INSERT INTO lives VALUES (nextval('epochs'), '{node}', {}, now() - {ago}, {ended})",
            number + 20
        ));
    }
    let long_ago = "SELECT count(*) FROM lives WHERE node = 'lost-long-ago'";
    let settled = "SELECT count(*) FROM lives WHERE lease_until = '-infinity'";
    // The node looks around by itself, and ends, settles and forgets.
    let mut looks = 0;
    while world.count(long_ago) > 0 || world.count(settled) < 1 {
        looks += 1;
        assert!(looks < 2_000, "it never looks");
        tokio::task::yield_now().await;
    }
    let wanted = [
        ("back", true),
        ("dying", false),
        ("lost", false),
        ("lost-before", false),
        ("one", true),
    ];
    assert_eq!(
        nodes(&world).await,
        wanted.map(|(name, alive)| (String::from(name), alive))
    );
    assert_eq!(world.count(settled), 1, "only what is over for a minute");
}
