//! Lists of the log: complete whatever the late indexes cover, filters, cursors, and who sees what.

use crate::filled::{Filled, Stored};
use crate::world::{LARKSPUR, RIVERSIDE, World, organization, wire};
use std::collections::HashSet;
use std::sync::Arc;
use tidings::store::Reach;
use tidings::store::directory::{Endpoint, PageRequest};
use tidings::store::log::{DeliveryFilter, EventFilter, Log, StateFilter};
use tidings_core::delivery::State;
use tidings_core::event::Reference;
use tidings_core::id::{DeliveryId, EventId};

const UPDATED: &str = "project.updated";

/// Every page of a list, one after the other; `between` happens after each.
async fn pages(
    world: &World,
    filter: &DeliveryFilter,
    limit: usize,
    mut between: impl FnMut(usize),
) -> Vec<DeliveryId> {
    let mut found = Vec::new();
    let mut after = None;
    for turn in 0..10_000 {
        let page = PageRequest {
            limit,
            after: after.take(),
        };
        let part = world
            .store
            .deliveries(organization(LARKSPUR), filter.clone(), page)
            .await
            .unwrap();
        assert!(part.items.len() <= limit);
        found.extend(part.items.iter().map(|item| item.id));
        between(turn);
        match part.next {
            Some(next) => after = Some(next),
            None => return found,
        }
    }
    panic!("a list without end");
}

pub async fn all(world: &World, filter: &DeliveryFilter, limit: usize) -> Vec<DeliveryId> {
    pages(world, filter, limit, |_| {}).await
}

/// Three endpoints of one organization and one of another; events 0 to 39 with deliveries in every state.
struct Story {
    world: World,
    mine: Vec<Arc<Endpoint>>,
    foreign: Arc<Endpoint>,
}

impl Story {
    async fn new() -> Self {
        let world = World::with_organizations().await;
        let mut mine = Vec::new();
        for _ in 0..3 {
            mine.push(world.endpoint(LARKSPUR, &[UPDATED]).await);
        }
        let foreign = world.endpoint(RIVERSIDE, &[UPDATED]).await;
        let story = Self {
            world,
            mine,
            foreign,
        };
        story.fill(0..40);
        story
    }

    fn fill(&self, numbers: std::ops::Range<i64>) {
        Filled::new(&self.world).together(|log| {
            for number in numbers {
                let owner = if number % 4 == 3 { RIVERSIDE } else { LARKSPUR };
                let reference = (number % 5 == 0).then_some("order-7");
                let event = log.event(number, owner, reference);
                for (place, endpoint) in (0..).zip(&self.mine) {
                    if (number + place) % 4 != 0 {
                        let state = State::ALL[usize::try_from((number + place) % 9).unwrap()];
                        let public = owner != LARKSPUR;
                        let stored = Stored {
                            public,
                            ..Stored::at(state)
                        };
                        log.delivery(event, endpoint, stored);
                    }
                }
                let stored = Stored::at(State::Delivered);
                log.delivery(event, &self.foreign, stored);
            }
        });
    }

    /// What a list must show, from outside: `wanted` is a condition on `d` and `e`.
    fn expected(&self, wanted: &str) -> Vec<DeliveryId> {
        let rows = self.world.place.numbers(&format!(
            "SELECT d.event_id, d.endpoint_id FROM deliveries d JOIN events e ON e.id = d.event_id
             WHERE d.organization_id = {LARKSPUR} AND ({wanted})
             ORDER BY d.event_id DESC, d.endpoint_id DESC"
        ));
        let ids = rows.iter().map(|row| DeliveryId {
            event: EventId::from_raw(row[0].unwrap()),
            endpoint: tidings_core::id::EndpointId::from_raw(row[1].unwrap()),
        });
        ids.collect()
    }

    /// Filters, each with what it means in SQL.
    fn filters(&self) -> Vec<(DeliveryFilter, String)> {
        let log = Filled::new(&self.world);
        let mut filters: Vec<_> = [
            (None, "1 = 1"),
            (Some(StateFilter::Waiting), "d.state IN (0, 1)"),
            (Some(StateFilter::Delivered), "d.state = 2"),
            (Some(StateFilter::Exhausted), "d.state = 3"),
            (Some(StateFilter::Cancelled), "d.state >= 4"),
        ]
        .map(|(state, sql)| {
            let filter = DeliveryFilter {
                state,
                ..DeliveryFilter::default()
            };
            (filter, sql.to_owned())
        })
        .into();
        let public = DeliveryFilter {
            wire_type: Some(wire("project.public.updated")),
            ..DeliveryFilter::default()
        };
        filters.push((public, String::from("d.audience = 1")));
        let event = log.event_id(13);
        let of_event = DeliveryFilter {
            event: Some(event),
            ..DeliveryFilter::default()
        };
        filters.push((of_event, format!("d.event_id = {}", event.raw())));
        let referenced = DeliveryFilter {
            reference: Reference::parse("order-7"),
            ..DeliveryFilter::default()
        };
        let sql = format!("e.reference = 'order-7' AND e.organization_id = {LARKSPUR}");
        filters.push((referenced, sql));
        filters.extend(self.narrow(&log));
        filters
    }

    /// By endpoint, by time, and both with a state.
    fn narrow(&self, log: &Filled<'_>) -> [(DeliveryFilter, String); 3] {
        let endpoint = self.mine[1].id;
        let (from, to) = (log.moment(7), log.moment(31));
        let of_endpoint = format!("d.endpoint_id = {}", endpoint.raw());
        let in_range = format!(
            "e.id >= {} AND e.id < {}",
            EventId::first_at(from).raw(),
            EventId::first_at(to).raw()
        );
        let by_endpoint = DeliveryFilter {
            endpoint: Some(endpoint),
            ..DeliveryFilter::default()
        };
        let by_time = DeliveryFilter {
            from: Some(from),
            to: Some(to),
            ..DeliveryFilter::default()
        };
        let by_all = DeliveryFilter {
            endpoint: Some(endpoint),
            state: Some(StateFilter::Waiting),
            ..by_time.clone()
        };
        let all = format!("{of_endpoint} AND d.state IN (0, 1) AND {in_range}");
        [
            (by_endpoint, of_endpoint),
            (by_time, in_range),
            (by_all, all),
        ]
    }
}

#[tokio::test]
async fn a_list_is_complete_and_newest_first_wherever_the_late_index_stands() {
    let story = Story::new().await;
    for listed_to in [-1, 3, 20, 38, 39] {
        if listed_to >= 0 {
            Filled::new(&story.world).list_up_to(listed_to);
        }
        for (filter, wanted) in story.filters() {
            let expected = story.expected(&wanted);
            assert!(!expected.is_empty(), "{wanted}");
            for limit in [1, 7, 100] {
                let found = all(&story.world, &filter, limit).await;
                assert_eq!(
                    found, expected,
                    "{wanted}, {limit} a page, up to {listed_to}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_list_loses_and_repeats_nothing_while_it_is_indexed_and_grows() {
    let story = Story::new().await;
    for (filter, wanted) in story.filters() {
        let log = Filled::new(&story.world);
        log.run(
            "DELETE FROM meta WHERE key = 'listed_to'; DELETE FROM deliveries_listed;
             DELETE FROM events_listed; DELETE FROM references_listed;
             DELETE FROM deliveries WHERE event_id IN (SELECT id FROM events ORDER BY id LIMIT 1000000 OFFSET 40);
             DELETE FROM bodies WHERE event_id IN (SELECT id FROM events ORDER BY id LIMIT 1000000 OFFSET 40);
             DELETE FROM events WHERE id IN (SELECT id FROM events ORDER BY id LIMIT 1000000 OFFSET 40)",
        );
        let expected = story.expected(&wanted);
        let before: HashSet<_> = expected.iter().copied().collect();
        let found = pages(&story.world, &filter, 2, |turn| {
            let turn = i64::try_from(turn).unwrap();
            story.fill(40 + turn..41 + turn);
            log.list_up_to(3 * turn);
        })
        .await;
        let old: Vec<_> = found.into_iter().filter(|id| before.contains(id)).collect();
        assert_eq!(old, expected, "{wanted}");
    }
}

#[tokio::test]
async fn a_page_stays_short_rather_than_look_at_too_much() {
    let world = World::with_organizations().await;
    let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await;
    let log = Filled::new(&world);
    log.together(|log| {
        for number in 0..12_000 {
            let event = log.event(number, LARKSPUR, None);
            let public = number == 3;
            let stored = Stored {
                public,
                ..Stored::at(State::Delivered)
            };
            log.delivery(event, &endpoint, stored);
        }
    });
    log.list_up_to(11_999);
    let filter = DeliveryFilter {
        wire_type: Some(wire("project.public.updated")),
        ..DeliveryFilter::default()
    };
    let mut calls = 0;
    let found = pages(&world, &filter, 50, |_| calls += 1).await;
    assert_eq!((found.len(), calls), (1, 2));
    assert_eq!(found[0].event, log.event_id(3));
}

#[tokio::test]
async fn tenancy_lists_and_look_ups_show_nothing_foreign() {
    let story = Story::new().await;
    Filled::new(&story.world).list_up_to(20);
    let (mine, foreign) = (organization(LARKSPUR), organization(RIVERSIDE));
    let store = &story.world.store;
    let page = || PageRequest {
        limit: 100,
        after: None,
    };
    let foreign_endpoint = DeliveryFilter {
        endpoint: Some(story.foreign.id),
        ..DeliveryFilter::default()
    };
    let list = store.deliveries(mine, foreign_endpoint, page()).await;
    assert!(list.unwrap().items.is_empty());
    for item in store
        .deliveries(foreign, DeliveryFilter::default(), page())
        .await
        .unwrap()
        .items
    {
        assert_eq!(item.organization, foreign);
        assert!(
            store
                .delivery(Reach::One(mine), item.id)
                .await
                .unwrap()
                .is_none()
        );
        assert!(
            store
                .delivery(Reach::One(foreign), item.id)
                .await
                .unwrap()
                .is_some()
        );
        assert!(store.delivery(Reach::All, item.id).await.unwrap().is_some());
    }
    let every = EventFilter::default();
    let events = store.events(foreign, every, page()).await.unwrap().items;
    assert_eq!(events.len(), 10);
    assert!(events.iter().all(|event| event.organization == foreign));
}

#[tokio::test]
async fn a_deleted_endpoints_history_stays_visible_to_its_organization() {
    let story = Story::new().await;
    let log = Filled::new(&story.world);
    log.list_up_to(20);
    let expected = story.expected("1 = 1");
    log.delete(&story.mine[0]).await;
    let found = all(&story.world, &DeliveryFilter::default(), 50).await;
    assert_eq!(found, expected);
    let gone = found
        .iter()
        .find(|id| id.endpoint == story.mine[0].id)
        .unwrap();
    let reach = Reach::One(organization(LARKSPUR));
    let detail = story
        .world
        .store
        .delivery(reach, *gone)
        .await
        .unwrap()
        .unwrap();
    assert!(detail.endpoint.is_none());
    assert!(detail.body.is_some());
}
