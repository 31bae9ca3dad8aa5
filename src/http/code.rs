//! Every code an answer can carry: its status and title. The OpenAPI document lists exactly these.
//!
//! Codes are stable: clients decide by them. A code of a field stands in `errors`; where it is the only
//! one, it is the answer's code as well.

use http::StatusCode;

macro_rules! codes {
    ($($variant:ident = $status:literal $name:literal $title:literal,)*) => {
        /// What is wrong, for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "the names and titles say it")]
        pub enum Code { $($variant,)* }

        impl Code {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name in the API.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What people read first.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// The status of an answer with this code.
            pub fn status(self) -> StatusCode {
                let number: u16 = match self { $(Self::$variant => $status,)* };
                StatusCode::from_u16(number).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    };
}

codes! {
    BadRequest = 400 "bad_request" "The request cannot be read",
    BadFraming = 400 "bad_framing" "The request's length is not clear",
    BadHost = 400 "bad_host" "Exactly one Host header is needed",
    DuplicateHeader = 400 "duplicate_header" "A header is given twice",
    KeyInUrl = 400 "key_in_url" "A key does not belong into a URL",
    EmptyBody = 400 "empty_body" "The body is empty",
    InvalidJson = 400 "invalid_json" "The body is not JSON",
    InvalidUtf8 = 400 "invalid_utf8" "The body is not UTF-8",
    InvalidIdempotencyKey = 400 "invalid_idempotency_key" "The idempotency key is not valid",
    InvalidCursor = 400 "invalid_cursor" "The cursor is not valid here",
    DuplicateParameter = 400 "duplicate_parameter" "A parameter is given twice",
    UnknownParameter = 400 "unknown_parameter" "A parameter is not known",
    NoCredentials = 401 "no_credentials" "No key was given",
    WrongScheme = 401 "wrong_scheme" "The authorization scheme is not known",
    MalformedKey = 401 "malformed_key" "The key is not one of ours",
    UnknownKey = 401 "unknown_key" "The key is not known",
    ExpiredKey = 401 "expired_key" "The key has expired",
    MissingScope = 403 "missing_scope" "The key may not do this",
    ForeignForm = 403 "foreign_form" "The form came from elsewhere",
    AddOnRequired = 403 "add_on_required" "An add-on is missing",
    NoSuchRoute = 404 "no_such_route" "No such route",
    NoSuchOrganization = 404 "no_such_organization" "No such organization",
    NoSuchEndpoint = 404 "no_such_endpoint" "No such endpoint",
    NoSuchEvent = 404 "no_such_event" "No such event",
    NoSuchEventType = 404 "no_such_event_type" "No such event type",
    NoSuchDelivery = 404 "no_such_delivery" "No such delivery",
    NoSuchReplay = 404 "no_such_replay" "No such replay",
    NoSuchKey = 404 "no_such_key" "No such key",
    NoSuchErasure = 404 "no_such_erasure" "No such erasure",
    NoSuchPortalLink = 404 "no_such_portal_link" "No such portal link",
    WrongIdKind = 404 "wrong_id_kind" "An id of another kind",
    MethodNotAllowed = 405 "method_not_allowed" "The method is not allowed here",
    NotAcceptable = 406 "not_acceptable" "The answer cannot be given in that form",
    RequestTimeout = 408 "request_timeout" "The request took too long",
    IdempotencyConflict = 409 "idempotency_conflict" "The idempotency key was used for other content",
    LimitReached = 409 "limit_reached" "A limit is reached",
    DoesNotOpen = 409 "does_not_open" "Something sealed cannot be opened",
    OverlapRunning = 409 "overlap_running" "Two secrets are in force already",
    InFlight = 409 "in_flight" "A try is being made",
    EndpointOff = 409 "endpoint_off" "The endpoint is switched off",
    EndpointDeleted = 409 "endpoint_deleted" "The endpoint was deleted",
    TestNotRepeated = 409 "test_not_repeated" "A test is sent anew, not again",
    ReplayRunning = 409 "replay_running" "A replay is running",
    BeingErased = 409 "being_erased" "The organization is being erased",
    OrganizationDeleted = 409 "organization_deleted" "The organization was deleted",
    CompatibleType = 409 "compatible_type" "The compatible set cannot be changed",
    BodyExpired = 410 "body_expired" "The body is gone",
    EventErased = 410 "event_erased" "The event was erased",
    BodyTooLarge = 413 "body_too_large" "The body is too large",
    UriTooLong = 414 "uri_too_long" "The URI is too long",
    UnsupportedMediaType = 415 "unsupported_media_type" "The media type is not known",
    UnsupportedCharset = 415 "unsupported_charset" "The charset is not known",
    UnsupportedEncoding = 415 "unsupported_encoding" "Compressed bodies are not accepted",
    ExpectationFailed = 417 "expectation_failed" "The expectation is not known",
    SeveralProblems = 422 "several_problems" "Several fields are not valid",
    NotAnObject = 422 "not_an_object" "A JSON object is needed",
    LoneSurrogate = 422 "lone_surrogate" "Half of a surrogate pair",
    TooDeep = 422 "too_deep" "Nested too deeply",
    TooManyValues = 422 "too_many_values" "Too many values",
    DuplicateKey = 422 "duplicate_key" "A key occurs twice",
    UnknownField = 422 "unknown_field" "A field is not known",
    ReadOnly = 422 "read_only" "A field cannot be set",
    Required = 422 "required" "A field is missing",
    WrongType = 422 "wrong_type" "A field has the wrong type",
    OutOfRange = 422 "out_of_range" "A number is out of range",
    InvalidText = 422 "invalid_text" "A text is not valid",
    InvalidValue = 422 "invalid_value" "A value is not valid",
    InvalidChoice = 422 "invalid_choice" "A value is none of the choices",
    InvalidId = 422 "invalid_id" "An id is not valid",
    InvalidTime = 422 "invalid_time" "A time is not valid",
    InvalidRange = 422 "invalid_range" "A time range is not valid",
    RangeTooLong = 422 "range_too_long" "A time range is too long",
    InvalidReference = 422 "invalid_reference" "A reference is not valid",
    InvalidEventType = 422 "invalid_event_type" "An event type is not valid",
    PublicForm = 422 "public_form" "The public form cannot be posted",
    NoPublicForm = 422 "no_public_form" "The type has no public form",
    UnknownEventType = 422 "unknown_event_type" "An event type is not in the catalogue",
    InactiveEventType = 422 "inactive_event_type" "An event type is switched off",
    ReservedEventType = 422 "reserved_event_type" "The event type is the server's own",
    UnknownOrganization = 422 "unknown_organization" "The organization is not known",
    SchemaMismatch = 422 "schema_mismatch" "The data does not fit the type's schema",
    InvalidSchema = 422 "invalid_schema" "The schema is not valid",
    NoExample = 422 "no_example" "The type has no example",
    BatchTooLarge = 422 "batch_too_large" "Too many events in a batch",
    EventTooLarge = 422 "event_too_large" "An event is too large",
    EmptyList = 422 "empty_list" "A list is empty",
    EmptyFilter = 422 "empty_filter" "The choice is empty",
    Duplicate = 422 "duplicate" "A value is given twice",
    TooMany = 422 "too_many" "A list is too long",
    TooLong = 422 "too_long" "A text is too long",
    InvalidUrl = 422 "invalid_url" "A URL is not valid",
    SchemeNotAllowed = 422 "scheme_not_allowed" "A URL's scheme is not allowed",
    CredentialsInUrl = 422 "credentials_in_url" "A URL holds credentials",
    FragmentInUrl = 422 "fragment_in_url" "A URL holds a fragment",
    NoncanonicalHost = 422 "noncanonical_host" "A host is spelled oddly",
    HostNotListed = 422 "host_not_listed" "A host is not listed",
    NameNotAllowed = 422 "name_not_allowed" "A host's name is not allowed",
    AddressNotPublic = 422 "address_not_public" "An address is not public",
    MetadataAddress = 422 "metadata_address" "A cloud metadata address",
    PortNotAllowed = 422 "port_not_allowed" "A port is not allowed",
    InvalidHeaderName = 422 "invalid_header_name" "A header's name is not valid",
    InvalidHeaderValue = 422 "invalid_header_value" "A header's value is not valid",
    ReservedHeader = 422 "reserved_header" "A header is reserved",
    InvalidSecret = 422 "invalid_secret" "A secret is not valid",
    RateLimited = 429 "rate_limited" "Too many requests",
    TooManyTests = 429 "too_many_tests" "Too many tests",
    TooManyLogins = 429 "too_many_logins" "Too many logins",
    TooManyHeaders = 431 "too_many_headers" "Too many headers",
    HeaderTooLarge = 431 "header_too_large" "A header is too large",
    Internal = 500 "internal" "A fault of ours",
    Overloaded = 503 "overloaded" "Too busy",
    StorageFull = 503 "storage_full" "The disk is full",
    DatabaseUnreachable = 503 "database_unreachable" "The database does not answer",
    Stopping = 503 "stopping" "The server is stopping",
    Damaged = 503 "damaged" "The store cannot be written",
}

impl Code {
    /// The code of a core error's name.
    pub fn named(name: &str) -> Self {
        Self::ALL
            .iter()
            .copied()
            .find(|code| code.name() == name)
            .unwrap_or(Self::InvalidValue)
    }
}
