//! Every question the log asks, in one place, so that a test can look at every plan: none may read a table
//! that grows with events from one end to the other. In flight with lease epoch 0 is due (`super::super::aside`).

/// The last event the late indexes cover.
pub const LISTED_TO: &str = "SELECT value FROM meta WHERE key = 'listed_to'";

/// One event.
pub const EVENT: &str = "SELECT id, organization_id, name_id, public, test, accepted_at,
    CASE WHEN erased_at IS NULL THEN reference END, erased_at FROM events WHERE id = ?1";
/// Its body.
pub const BODY: &str = "SELECT data FROM bodies WHERE event_id = ?1";
/// Has a row if its body is there.
pub const HAS_BODY: &str = "SELECT 1 FROM bodies WHERE event_id = ?1";
/// Has a row if it was erased.
pub const ERASED: &str = "SELECT 1 FROM events WHERE id = ?1 AND erased_at IS NOT NULL";
/// Has a row if its fan-out goes on.
pub const EXPANDING: &str = "SELECT 1 FROM fan_outs WHERE event_id = ?1";
/// States of an event's deliveries.
pub const STATES: &str =
    "SELECT endpoint_id, CASE WHEN epoch = 0 AND state = 1 THEN 0 ELSE state END FROM deliveries
    WHERE event_id = ?1 LIMIT 10000";
/// States of an event's deliveries to one organization.
pub const OWN_STATES: &str =
    "SELECT d.endpoint_id, CASE WHEN d.epoch = 0 AND d.state = 1 THEN 0 ELSE d.state END FROM endpoints e
    CROSS JOIN deliveries d ON d.event_id = ?1 AND d.endpoint_id = e.id
    WHERE e.organization_id = ?2 LIMIT 10000";

/// Events the late index does not cover, newest first: listed to, below, at most.
pub const EVENT_TAIL: &str =
    "SELECT id, organization_id, reference FROM events WHERE id > ?1 AND id < ?2
    ORDER BY id DESC LIMIT ?3";
/// An organization's events in the late index, newest first: organization, below, at most.
pub const EVENTS_LISTED: &str = "SELECT event_id FROM events_listed
    WHERE organization_id = ?1 AND event_id < ?2 ORDER BY event_id DESC LIMIT ?3";
/// An organization's events with a reference, newest first: organization, reference, below, at most.
pub const REFERENCES_LISTED: &str = "SELECT event_id FROM references_listed
    WHERE organization_id = ?1 AND reference = ?2 AND event_id < ?3 ORDER BY event_id DESC LIMIT ?4";

/// One delivery with what it takes from its event. The reference is the owner's word, for the owner's eyes.
pub const DELIVERY: &str =
    "SELECT d.event_id, d.endpoint_id, d.organization_id, d.name_id, d.audience,
        CASE WHEN d.epoch = 0 AND d.state = 1 THEN 0 ELSE d.state END, d.round, d.attempts, d.failures, d.due_at, d.rested_at, e.accepted_at,
        CASE WHEN e.organization_id = d.organization_id AND e.erased_at IS NULL THEN e.reference END, e.erased_at
    FROM deliveries d CROSS JOIN events e ON e.id = d.event_id
    WHERE d.event_id = ?1 AND d.endpoint_id = ?2";
/// The same, for a change: nobody else changes it meanwhile.
pub const DELIVERY_HELD: &str =
    "SELECT d.organization_id, CASE WHEN d.epoch = 0 AND d.state = 1 THEN 0 ELSE d.state END, d.round, d.attempts,
        d.failures, d.due_at
    FROM deliveries d WHERE d.event_id = ?1 AND d.endpoint_id = ?2 /* lock */";
/// Its attempts, each with the endpoint as it was.
pub const ATTEMPTS: &str = "SELECT a.number, a.started_at, a.lateness, a.dns, a.connect, a.tls, a.first_byte,
        a.total, a.outcome, a.detail, a.endpoint_version, a.timestamp, a.vomo_signature, a.webhook_signature,
        a.peer, a.answer_headers, a.answer_body, a.answer_bytes, v.url, v.header_names
    FROM attempts a LEFT JOIN endpoint_versions v ON v.endpoint_id = a.endpoint_id AND v.version =
        (SELECT max(w.version) FROM endpoint_versions w
         WHERE w.endpoint_id = a.endpoint_id AND w.version <= a.endpoint_version)
    WHERE a.event_id = ?1 AND a.endpoint_id = ?2 ORDER BY a.number";

/// An organization's endpoints, deleted ones too.
pub const ENDPOINTS: &str = "SELECT id FROM endpoints WHERE organization_id = ?1";
/// Has a row if an endpoint is or was an organization's.
pub const OWNS: &str = "SELECT 1 FROM endpoints WHERE id = ?1 AND organization_id = ?2";
/// An event's deliveries to an organization: event, organization, below this endpoint, at most.
pub const OF_EVENT: &str = "SELECT d.endpoint_id FROM endpoints e
    CROSS JOIN deliveries d ON d.event_id = ?1 AND d.endpoint_id = e.id
    WHERE e.organization_id = ?2 AND e.id < ?3 ORDER BY e.id DESC LIMIT ?4";
/// Deliveries the late index does not cover, newest first: listed to, below (event, endpoint), at most.
pub const DELIVERY_TAIL: &str = "SELECT event_id, endpoint_id, organization_id FROM deliveries
    WHERE event_id > ?1 AND (event_id, endpoint_id) < (?2, ?3) ORDER BY event_id DESC, endpoint_id DESC LIMIT ?4";
/// An endpoint's deliveries in the late index, newest first: endpoint, from, below, at most.
pub const LISTED: &str = "SELECT event_id FROM deliveries_listed
    WHERE endpoint_id = ?1 AND event_id >= ?2 AND event_id < ?3 ORDER BY event_id DESC LIMIT ?4";
/// An endpoint's deliveries in one state out of the ordinary, newest first; the index is always complete.
pub const UNUSUAL: &str = "SELECT event_id FROM deliveries INDEXED BY deliveries_unusual
    WHERE endpoint_id = ?1 AND event_id >= ?2 AND event_id < ?3 AND state = ?5 AND state <> 1 AND state <> 2
    ORDER BY event_id DESC LIMIT ?4";
/// What nodes hold or have set aside, newest first: below (event, endpoint).
pub const IN_FLIGHT: &str = "SELECT event_id, endpoint_id FROM deliveries INDEXED BY deliveries_in_flight
    WHERE state = 1 AND (event_id, endpoint_id) < (?1, ?2) ORDER BY event_id DESC, endpoint_id DESC";

/// A replay of an organization.
pub const REPLAY: &str =
    "SELECT id, organization_id, endpoint_id, from_at, to_at, include, state, next_event,
        end_event, examined, queued, created_at
    FROM replays WHERE id = ?1 AND organization_id = ?2";
/// The replay of an endpoint that runs.
pub const RUNNING: &str = "SELECT id FROM replays WHERE endpoint_id = ?1 AND state = 0";

/// All of them.
#[cfg(test)]
pub const ALL: [&str; 23] = [
    LISTED_TO,
    EVENT,
    BODY,
    HAS_BODY,
    ERASED,
    EXPANDING,
    STATES,
    OWN_STATES,
    EVENT_TAIL,
    EVENTS_LISTED,
    REFERENCES_LISTED,
    DELIVERY,
    DELIVERY_HELD,
    ATTEMPTS,
    ENDPOINTS,
    OWNS,
    OF_EVENT,
    DELIVERY_TAIL,
    LISTED,
    UNUSUAL,
    IN_FLIGHT,
    REPLAY,
    RUNNING,
];
