//! Disk stays bounded: with time that passes quickly, the file grows until the oldest events go, and no further.

use crate::verbs::{OK, UPDATED, event};
use crate::world::{LARKSPUR, World};
use bytes::Bytes;
use std::time::Duration;
use tidings::store::queue::Queue as _;
use tidings::store::retention::Retention;

const DAY: Duration = Duration::from_secs(86_400);
/// Days that are lived through.
const DAYS: usize = 60;
/// Days that records are kept, and bodies half of them.
const KEPT: usize = 10;
const EVENTS_A_DAY: usize = 60;

fn bytes(world: &World) -> i64 {
    let [pages, size] = ["page_count", "page_size"]
        .map(|pragma| world.count(&format!("SELECT {pragma} FROM pragma_{pragma}")));
    pages * size
}

#[tokio::test]
async fn r22_the_file_reaches_a_size_and_stays_at_it() {
    let mut world = World::with_organizations().await;
    world.store.keep_events(Retention {
        bodies: (KEPT as u32 / 2) * DAY,
        records: KEPT as u32 * DAY,
        audit: DAY,
    });
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    let empty = bytes(&world);
    let mut sizes = Vec::with_capacity(DAYS);
    for _ in 0..DAYS {
        let events = (0..EVENTS_A_DAY).map(|_| {
            let mut accept = event(LARKSPUR);
            accept.event.data = Bytes::from(format!("{{\"text\":\"{}\"}}", "x".repeat(4_000)));
            accept
        });
        world.store.accept(events.collect()).await.unwrap();
        for job in world.jobs() {
            world.end(job, OK).await;
        }
        world.pass(DAY);
        world.rest().await;
        // Without what the tables take when nothing is in them.
        sizes.push(bytes(&world) - empty);
    }
    let full = sizes[KEPT..2 * KEPT].iter().max().copied().unwrap();
    let later = sizes[2 * KEPT..].iter().max().copied().unwrap();
    assert!(sizes[0] < full / 2, "it grows until then: {sizes:?}");
    assert!(
        later <= full + full / 20,
        "what was removed makes room for what comes: {sizes:?}"
    );
    let left = world.count("SELECT count(*) FROM events");
    assert!(left <= (EVENTS_A_DAY * (KEPT + 1)) as i64, "{left}");
}
