//! The receivers: each behaves in some way until it behaves in another.

use crate::chance::Chance;
use crate::plan::SECOND;
use std::collections::BTreeMap;
use tidings_core::id::EndpointId;
use tidings_core::outcome::{Failure, Outcome, OwnFault};

/// How an endpoint answers now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Answers,
    Fails,
    Refuses,
    Hangs,
    Flaps,
    /// Our own fault, as the transport tells it.
    Ours,
}

/// All receivers.
#[derive(Debug, Default)]
pub(crate) struct Network {
    behaviours: BTreeMap<EndpointId, Behaviour>,
}

impl Network {
    pub(crate) fn set(&mut self, endpoint: EndpointId, behaviour: Behaviour) {
        self.behaviours.insert(endpoint, behaviour);
    }

    /// Everyone answers from now on.
    pub(crate) fn heal(&mut self) {
        self.behaviours.clear();
    }

    /// How long an attempt takes, in microseconds, and what becomes of it.
    pub(crate) fn attempt(&self, chance: &mut Chance, endpoint: EndpointId) -> (u64, Outcome) {
        let behaviour = self.behaviours.get(&endpoint).copied();
        let quick = chance.magnitude(300, 50_000);
        match behaviour.unwrap_or(Behaviour::Answers) {
            Behaviour::Answers => (quick, Outcome::Status(200)),
            Behaviour::Fails => (
                quick,
                Outcome::Status(chance.pick(&[301, 404, 410, 429, 500])),
            ),
            Behaviour::Refuses => (quick, Outcome::Failed(Failure::Refused)),
            Behaviour::Hangs => (
                3 * SECOND,
                Outcome::Failed(chance.pick(&[
                    Failure::ConnectTimeout,
                    Failure::HeaderTimeout,
                    Failure::BodyTimeout,
                ])),
            ),
            Behaviour::Flaps if chance.percent(50) => (quick, Outcome::Status(204)),
            Behaviour::Flaps if chance.percent(50) => {
                (3 * SECOND, Outcome::Failed(Failure::HeaderTimeout))
            }
            Behaviour::Flaps => (quick, Outcome::Status(503)),
            Behaviour::Ours => (quick, Outcome::OwnFault(OwnFault::Network)),
        }
    }
}
