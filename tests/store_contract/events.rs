//! Lists of an organization's own events: complete whatever the late indexes cover, each filter, and never without an end.

use crate::filled::Filled;
use crate::world::{LARKSPUR, RIVERSIDE, World, organization, wire};
use tidings::store::directory::PageRequest;
use tidings::store::log::{EventFilter, Log};
use tidings_core::event::Reference;
use tidings_core::id::EventId;

/// Every page of a list, one after the other, and how many there were.
async fn pages(world: &World, filter: &EventFilter, limit: usize) -> (Vec<EventId>, usize) {
    let mut found = Vec::new();
    let mut after = None;
    for turn in 1..10_000 {
        let page = PageRequest { limit, after };
        let part = world
            .store
            .events(organization(LARKSPUR), filter.clone(), page)
            .await
            .unwrap();
        assert!(part.items.len() <= limit);
        found.extend(part.items.iter().map(|event| event.id));
        after = part.next;
        if after.is_none() {
            return (found, turn);
        }
    }
    panic!("a list without end");
}

/// Events 0 to 39 of two organizations, without any delivery: of two types, public ones and private ones, some with a
/// reference, and one of those erased.
async fn story() -> World {
    let world = World::with_organizations().await;
    Filled::new(&world).together(|log| {
        for number in 0..40 {
            let owner = if number % 4 == 3 { RIVERSIDE } else { LARKSPUR };
            let reference = (number % 5 == 0).then_some("order-7");
            let id = log.event(number, owner, reference).raw();
            if number % 3 == 0 {
                log.run(&format!(
                    "UPDATE events SET name_id =
                        (SELECT id FROM event_type_names WHERE name = 'participation.created') WHERE id = {id}"
                ));
            }
            if number % 2 == 0 {
                log.run(&format!("UPDATE events SET public = 1 WHERE id = {id}"));
            }
            if number == 20 {
                log.run(&format!("UPDATE events SET erased_at = 1 WHERE id = {id}"));
            }
        }
    });
    world
}

/// A filter in words, and which events it means by their numbers.
type Asked = (EventFilter, &'static str, fn(i64) -> bool);

/// Each filter.
fn filters(log: &Filled<'_>) -> Vec<Asked> {
    let of = |text| EventFilter {
        wire_type: Some(wire(text)),
        ..EventFilter::default()
    };
    let referenced = EventFilter {
        reference: Reference::parse("order-7"),
        ..EventFilter::default()
    };
    let (from, to) = (Some(log.moment(7)), Some(log.moment(31)));
    let between = EventFilter {
        from,
        to,
        ..EventFilter::default()
    };
    let all = EventFilter {
        from,
        to,
        ..referenced.clone()
    };
    vec![
        (EventFilter::default(), "all", |_| true),
        (of("project.updated"), "a type", |number| number % 3 != 0),
        (of("project.public.updated"), "its public form", |number| {
            number % 3 != 0 && number % 2 == 0
        }),
        (referenced, "a reference", |number| {
            number % 5 == 0 && number != 20
        }),
        (between, "a time", |number| (7..31).contains(&number)),
        (all, "a reference in a time", |number| {
            number % 5 == 0 && number != 20 && (7..31).contains(&number)
        }),
    ]
}

#[tokio::test]
async fn an_organizations_events_are_found_by_each_filter_wherever_the_late_index_stands() {
    let world = story().await;
    let log = Filled::new(&world);
    for listed_to in [-1, 0, 17, 39] {
        if listed_to >= 0 {
            log.list_up_to(listed_to);
        }
        for (filter, words, means) in filters(&log) {
            let expected: Vec<_> = (0..40)
                .rev()
                .filter(|number| number % 4 != 3 && means(*number))
                .map(|number| log.event_id(number))
                .collect();
            assert!(!expected.is_empty(), "{words}");
            for limit in [1, 7, 100] {
                let (found, _) = pages(&world, &filter, limit).await;
                assert_eq!(
                    found, expected,
                    "{words}, {limit} a page, up to {listed_to}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_page_of_events_stays_short_rather_than_look_at_too_much() {
    let world = World::with_organizations().await;
    let log = Filled::new(&world);
    log.together(|log| {
        for number in 0..12_000 {
            let id = log.event(number, LARKSPUR, None);
            if number == 3 {
                log.run(&format!(
                    "UPDATE events SET public = 1 WHERE id = {}",
                    id.raw()
                ));
            }
        }
    });
    let filter = EventFilter {
        wire_type: Some(wire("project.public.updated")),
        ..EventFilter::default()
    };
    // Where it is listed late, and before.
    for listed_to in [-1, 11_999] {
        if listed_to >= 0 {
            log.list_up_to(listed_to);
        }
        let found = pages(&world, &filter, 50).await;
        assert_eq!(found, (vec![log.event_id(3)], 2), "up to {listed_to}");
    }
}
