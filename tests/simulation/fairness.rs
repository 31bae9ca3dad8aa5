//! Round robin, told from starts alone: free slots go round the organizations, and inside one round its endpoints.
//!
//! An endpoint that holds no slot, does not time out and has something waiting is given a ticket. Until its next
//! start no other endpoint of its organization may start twice, and no other organization more often than its own
//! has turns ahead of it: once for each endpoint of its organization that waited when the ticket was given. So a
//! quiet organization waits for one round of the others at most, whatever their backlog.
//!
//! Test sends go before all others; they are no turn of anybody's.

use crate::rules::{Check, rule};
use std::collections::BTreeMap;
use tidings_core::id::{EndpointId, OrganizationId};

/// Starts by organization and endpoint, and who has a ticket.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    places: BTreeMap<EndpointId, Place>,
    organizations: Vec<Tenant>,
    indexes: BTreeMap<OrganizationId, usize>,
    starts: Vec<u32>,
}

#[derive(Debug)]
struct Place {
    organization: usize,
    lane: usize,
    ticket: Option<Ticket>,
}

#[derive(Debug, Default)]
struct Tenant {
    id: Option<OrganizationId>,
    /// Starts of its endpoints.
    starts: Vec<u32>,
    lanes: Vec<EndpointId>,
    /// Endpoints with something waiting.
    waiting: u32,
    /// A test send may leave its endpoint in the ring with nothing to send, which costs a turn.
    tests: u32,
}

/// What the counts were when an endpoint began to wait for its turn.
#[derive(Debug)]
struct Ticket {
    organizations: Vec<u32>,
    siblings: Vec<u32>,
    turns: u32,
}

impl Turns {
    /// An endpoint has something waiting for the first time, or again.
    pub(crate) fn fill(&mut self, organization: OrganizationId, endpoint: EndpointId) {
        let count = self.organizations.len();
        let index = *self.indexes.entry(organization).or_insert(count);
        if index == count {
            self.starts.push(0);
            self.organizations.push(Tenant {
                id: Some(organization),
                ..Tenant::default()
            });
        }
        let tenant = &mut self.organizations[index];
        tenant.waiting += 1;
        self.places.entry(endpoint).or_insert_with(|| {
            tenant.starts.push(0);
            tenant.lanes.push(endpoint);
            Place {
                organization: index,
                lane: tenant.lanes.len() - 1,
                ticket: None,
            }
        });
    }

    /// An endpoint has nothing waiting any more.
    pub(crate) fn empty(&mut self, endpoint: EndpointId) {
        if let Some(place) = self.places.get_mut(&endpoint) {
            place.ticket = None;
            self.organizations[place.organization].waiting -= 1;
        }
    }

    /// An endpoint holds no slot, does not time out and has something waiting.
    pub(crate) fn queue(&mut self, endpoint: EndpointId) {
        if let Some(place) = self.places.get_mut(&endpoint)
            && place.ticket.is_none()
        {
            let tenant = &self.organizations[place.organization];
            place.ticket = Some(Ticket {
                organizations: self.starts.clone(),
                siblings: tenant.starts.clone(),
                turns: tenant.waiting + tenant.tests,
            });
        }
    }

    /// An endpoint starts.
    pub(crate) fn start(&mut self, endpoint: EndpointId, test: bool) -> Check {
        let Some(place) = self.places.get_mut(&endpoint) else {
            return Ok(());
        };
        let ticket = place.ticket.take();
        let (index, lane) = (place.organization, place.lane);
        if test {
            self.organizations[index].tests += 1;
            return Ok(());
        }
        if let Some(ticket) = ticket {
            self.in_turn(endpoint, index, &ticket)?;
        }
        self.starts[index] += 1;
        self.organizations[index].starts[lane] += 1;
        Ok(())
    }

    fn in_turn(&self, endpoint: EndpointId, own: usize, ticket: &Ticket) -> Check {
        let since = |now: &[u32], then: &[u32], index: usize| {
            now[index] - then.get(index).copied().unwrap_or(0)
        };
        for other in (0..self.starts.len()).filter(|other| *other != own) {
            let starts = since(&self.starts, &ticket.organizations, other);
            rule(starts <= ticket.turns, || {
                format!(
                    "organization {:?} started {starts} while {endpoint} waited for {} turns of {:?}",
                    self.organizations[other].id, ticket.turns, self.organizations[own].id
                )
            })?;
        }
        let tenant = &self.organizations[own];
        for (lane, sibling) in tenant.lanes.iter().enumerate() {
            let starts = since(&tenant.starts, &ticket.siblings, lane);
            rule(starts <= 1 || *sibling == endpoint, || {
                format!("{sibling} started {starts} while {endpoint} of its organization waited")
            })?;
        }
        Ok(())
    }
}
