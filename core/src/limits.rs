//! Every limit of the product that is a constant, in one place.
//!
//! Limits an operator may change are settings of the server; their defaults are these. What is not here
//! has no limit, and that would be a defect.

use std::time::Duration;

/// One attempt, from its start to the last byte of the answer (W17).
pub const ATTEMPT_DEADLINE: Duration = Duration::from_secs(3);
/// Waits before the second and the third try, each counted from the failure before it (W19).
pub const RETRY_WAITS: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(100)];
/// Wait before a try that was spent on our own fault is repeated (W20).
pub const OWN_FAULT_WAIT: Duration = Duration::from_secs(10);
/// A lease outlives the attempt it covers by this much; anything shorter could deliver twice.
pub const LEASE_MARGIN: Duration = Duration::from_secs(10);

/// Bytes of one event's request body, and of one event inside a batch.
pub const EVENT_BYTES: usize = 256 * 1024;
/// Bytes of one batch request.
pub const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// Events in one batch.
pub const BATCH_EVENTS: usize = 1_000;
/// Nesting of an event's request body.
pub const JSON_DEPTH: usize = 64;
/// JSON values in an event's request body.
pub const JSON_TOKENS: usize = 100_000;

/// Bytes of an answer that are read before the connection is closed (W17).
pub const ANSWER_BYTES: usize = 64 * 1024;
/// Bytes of the answer's body that are kept with a successful attempt.
pub const KEPT_ANSWER_SUCCESS: usize = 1024;
/// Bytes of the answer's body that are kept with a failed attempt.
pub const KEPT_ANSWER_FAILURE: usize = 16 * 1024;
/// Bytes of the answer's header fields that are kept.
pub const KEPT_ANSWER_HEADERS: usize = 16 * 1024;
/// Bytes of an answer that are kept in all: the body has what the header leaves.
pub const KEPT_ANSWER: usize = 17 * 1024;
/// Bytes of all the answer's header fields together.
pub const ANSWER_HEADER_BYTES: usize = 32 * 1024;
/// Header fields of an answer.
pub const ANSWER_HEADERS: usize = 100;

/// Deliveries that are made in the commit that accepts their event; more become a fan-out with a cursor.
pub const FIRST_FAN_OUT: usize = 64;
/// Deliveries that one continuation of a fan-out makes.
pub const FAN_OUT_PART: usize = 1_000;

/// Endpoints of one organization.
pub const ENDPOINTS_PER_ORGANIZATION: usize = 1_000;
/// Event types one endpoint may choose.
pub const EVENT_TYPES_PER_ENDPOINT: usize = 500;
/// Bytes of a target URL.
pub const URL_BYTES: usize = 2_048;
/// Characters of an endpoint's description, a key's description and an organization's name.
pub const TEXT_CHARS: usize = 200;
/// Custom headers of an endpoint.
pub const CUSTOM_HEADERS: usize = 20;
/// Characters of one custom header's value.
pub const CUSTOM_HEADER_VALUE: usize = 1_024;
/// Bytes of an imported secret, at least one (W4).
pub const SECRET_BYTES: usize = 256;
/// Overlap of a secret rotation when none is chosen, in seconds (W21).
pub const ROTATION_OVERLAP_DEFAULT: u64 = 86_400;
/// The longest overlap of a secret rotation, in seconds (W21).
pub const ROTATION_OVERLAP_MAX: u64 = 604_800;
/// Characters of an idempotency key (visible ASCII).
pub const IDEMPOTENCY_KEY: usize = 255;
/// How long an idempotency key is remembered.
pub const IDEMPOTENCY_KEPT: Duration = Duration::from_secs(86_400);
/// Characters of a producer's reference.
pub const REFERENCE: usize = 255;
/// Characters of an event type's name.
pub const EVENT_TYPE_NAME: usize = 128;
/// Bytes of an event type's JSON Schema and of its example.
pub const SCHEMA_BYTES: usize = 64 * 1024;
/// Rows of a list page when none is chosen.
pub const PAGE_DEFAULT: usize = 50;
/// The most rows of a list page.
pub const PAGE_MAX: usize = 100;
/// The longest time range of one replay, in days.
pub const REPLAY_DAYS: u64 = 90;
/// Characters of an account's name.
pub const ACCOUNT_NAME: usize = 64;
/// Characters of a password, at least.
pub const PASSWORD_MIN: usize = 12;
/// Characters of a password, at most.
pub const PASSWORD_MAX: usize = 256;
/// A session of the console ends so long after its last request.
pub const SESSION_IDLE: Duration = Duration::from_secs(30 * 60);
/// A session of the console ends so long after its login.
pub const SESSION_KEPT: Duration = Duration::from_secs(12 * 3600);
/// How long a setup link may be used.
pub const SETUP_LINK: Duration = Duration::from_secs(15 * 60);
/// How long an invitation may be accepted.
pub const INVITATION: Duration = Duration::from_secs(7 * 86_400);
/// How long a link that sets a password anew may be used.
pub const PASSWORD_LINK: Duration = Duration::from_secs(86_400);
/// How long a portal link may be used when nothing is chosen, in seconds.
pub const PORTAL_LINK_DEFAULT: u64 = 300;
/// The longest time a portal link may be used, in seconds.
pub const PORTAL_LINK_MAX: u64 = 3_600;
/// How long a login may wait for its second factor's code.
pub const HALF_LOGIN: Duration = Duration::from_secs(5 * 60);
/// How long a second factor may wait for the first code that switches it on.
pub const SECOND_FACTOR_PENDING: Duration = Duration::from_secs(15 * 60);
/// Recovery codes of an account.
pub const RECOVERY_CODES: usize = 10;
/// Organizations one account may belong to.
pub const GRANTS_PER_ACCOUNT: usize = 200;
/// Accounts with a role in one organization.
pub const MEMBERS_PER_ORGANIZATION: usize = 1_000;
/// Invitations and portal links of one organization, or invitations of operators, that wait to be used.
pub const OPEN_LINKS: usize = 1_000;
/// API keys of one organization that are in force.
pub const KEYS_PER_ORGANIZATION: usize = 100;
