"""What schemathesis cannot know from the document: things that exist, and what a schema cannot say.

Ids in paths become ids of things that exist, made here and made again when a test deleted them; without that, most calls would
end at a 404. A failure is accepted only where `accepts` gives the reason. Nothing is left out: not an operation, not a check.
"""

import os

import requests
import schemathesis

URL = os.environ["TIDINGS_URL"]
ORGANIZATION = 4417

#: Codes for what a JSON Schema has no words for: the state of the server, or one value against another.
BEYOND_A_SCHEMA = {
    "invalid_cursor",  # a cursor is opaque and bound to its list
    "invalid_range",  # `to` must be later than `from`
    "range_too_long",
    "invalid_time",  # a key's end lies in the future; a time is one that exists
    "unknown_organization",
    "unknown_event_type",
    "inactive_event_type",
    "invalid_event_type",  # `public` is only ever the middle word
    "no_public_form",
    "public_form",
    "schema_mismatch",  # the schema of a type that enforces it
    "no_example",
    "duplicate",
    "invalid_schema",  # a JSON Schema inside the JSON
    "invalid_value",  # `held` without `enabled: true`, `enforced` without a schema, whose a key is
    "required",  # `organization_id` for the scopes of an organization
    "invalid_url",
    "scheme_not_allowed",
    "credentials_in_url",
    "fragment_in_url",
    "noncanonical_host",
    "name_not_allowed",
    "address_not_public",
    "metadata_address",
    "port_not_allowed",
    "invalid_header_name",
    "invalid_header_value",
    "reserved_header",
    "invalid_secret",
    "too_deep",
    "too_many_headers",
    "body_expired",
}

#: Members that are whole numbers.
WHOLE = {"organization_id", "expires_in_seconds", "overlap_seconds", "bodies_days", "attempts_days"}

session = requests.Session()
session.headers["Authorization"] = f"Bearer {os.environ['TIDINGS_KEY']}"


def call(method, path, body=None):
    answer = session.request(method, URL + path, json=body, timeout=10)
    return answer.json() if answer.ok and answer.content else {}


class Things:
    """What exists, by the name of the parameter that takes its id."""

    def __init__(self):
        self.ids = {}
        self.make()

    def make(self):
        base = f"/v1/organizations/{ORGANIZATION}"
        call("PUT", base, {"name": "Larkspur Commons", "add_ons": ["api_access"]})
        call("PUT", f"{base}/webhooks", {"enabled": True})
        call("PUT", "/v1/event-types/project.updated", {"enabled": True})
        endpoint = call("POST", f"{base}/endpoints", {"url": "http://127.0.0.1:9009/hook", "event_types": ["project.updated"]})
        event = call("POST", "/v1/events", {"type": "project.updated", "organization_id": ORGANIZATION, "data": {"id": 1}})
        deliveries = call("GET", f"{base}/deliveries?event={event.get('id')}").get("data", [])
        below = f"{base}/endpoints/{endpoint.get('id')}"
        time_range = {"from": "2026-02-01T00:00:00Z", "to": "2026-02-02T00:00:00Z", "include": ["missing"]}
        self.ids = {
            "org": ORGANIZATION,
            "ep": endpoint.get("id"),
            "evt": event.get("id"),
            "dlv": deliveries[0]["id"] if deliveries else None,
            "rpl": call("POST", f"{below}/replay", time_range).get("id"),
            "lnk": call("POST", f"{base}/portal-links", {"role": "viewer"}).get("id"),
            "key": call("POST", "/v1/keys", {"scope": "viewer", "organization_id": ORGANIZATION}).get("id"),
            "type": "project.updated",
        }


things = Things()


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    """Ids of the right form become ids of what exists; those of a wrong form stay."""
    for name, value in (path_parameters or {}).items():
        known = things.ids.get(name)
        if known is None:
            continue
        if name == "org" and isinstance(value, int) and not isinstance(value, bool) and value >= 1:
            path_parameters[name] = known
        elif isinstance(value, str) and value.startswith(f"{name}_") and len(value) == len(str(known)):
            path_parameters[name] = known
    return path_parameters


@schemathesis.hook
def map_body(context, body):
    """Half of the events are of an organization and a type that exist, so that they get as far as the store."""
    events = body.get("events") if isinstance(body, dict) else None
    if isinstance(body, dict):
        # To a JSON Schema 1934.0 is an integer. The server wants whole numbers written as such, as every JSON library does.
        for part in [body, body.get("retention")]:
            for name in WHOLE & part.keys() if isinstance(part, dict) else ():
                if isinstance(part[name], float) and part[name].is_integer():
                    part[name] = int(part[name])
    for event in [body, *(events if isinstance(events, list) else [])]:
        if not isinstance(event, dict):
            continue
        if isinstance(event.get("organization_id"), float) and event["organization_id"].is_integer():
            event["organization_id"] = int(event["organization_id"])
        number, name = event.get("organization_id"), event.get("type")
        if isinstance(number, int) and not isinstance(number, bool) and number >= 1 and number % 2:
            event["organization_id"] = ORGANIZATION
        if isinstance(name, str) and name and isinstance(event.get("data"), dict):
            event["type"] = "project.updated"
    return body


@schemathesis.hook
def after_call(context, case, response):
    """What a test deleted is made again."""
    gone = response.request.method == "DELETE" and response.status_code in (200, 202, 204)
    if gone or (response.request.method in ("PUT", "PATCH") and response.status_code == 200):
        things.make()


def codes(response):
    """Every code of a problem."""
    try:
        problem = response.json()
    except ValueError:
        return set()
    errors = problem.get("errors") or [problem]
    return {error.get("code") for error in errors}


def accepts(failure, case, response):
    """Whether the reason for a failure is none of the document's."""
    kind = type(failure).__name__
    if kind == "RejectedPositiveData":
        return response.status_code in (400, 410, 422) and codes(response) <= BEYOND_A_SCHEMA
    if kind == "AcceptedNegativeData" and case.operation.path == "/v1/events/batch":
        # Each event of a batch is refused on its own, inside a 202.
        return response.status_code == 202 and any("error" in result for result in response.json()["results"])
    if kind == "EnsureResourceAvailability":
        # `key` in the answer of POST /v1/keys is the key itself; the path takes its id. The document's link says so, but
        # schemathesis also infers one by the name.
        return case.operation.path == "/v1/keys/{key}" and case.path_parameters["key"].startswith("tdg_")
    return False


@schemathesis.hook
def filter_failure(context, failure, case, response):
    return not accepts(failure, case, response)
