from typing import Literal

EventTypeAudience = Literal["own", "public"]

EVENT_TYPE_AUDIENCE_VALUES: set[EventTypeAudience] = {
    "own",
    "public",
}


def check_event_type_audience(value: str) -> EventTypeAudience:
    if value in EVENT_TYPE_AUDIENCE_VALUES:
        return value
    raise TypeError(
        f"Unexpected value {value!r}. Expected one of {EVENT_TYPE_AUDIENCE_VALUES!r}"
    )
