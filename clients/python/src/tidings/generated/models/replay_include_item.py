from typing import Literal

ReplayIncludeItem = Literal["cancelled", "delivered", "exhausted", "missing"]

REPLAY_INCLUDE_ITEM_VALUES: set[ReplayIncludeItem] = {
    "cancelled",
    "delivered",
    "exhausted",
    "missing",
}


def check_replay_include_item(value: str) -> ReplayIncludeItem:
    if value in REPLAY_INCLUDE_ITEM_VALUES:
        return value
    raise TypeError(
        f"Unexpected value {value!r}. Expected one of {REPLAY_INCLUDE_ITEM_VALUES!r}"
    )
