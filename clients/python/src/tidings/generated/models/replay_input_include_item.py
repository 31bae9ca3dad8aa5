from typing import Literal

ReplayInputIncludeItem = Literal["cancelled", "delivered", "exhausted", "missing"]

REPLAY_INPUT_INCLUDE_ITEM_VALUES: set[ReplayInputIncludeItem] = {
    "cancelled",
    "delivered",
    "exhausted",
    "missing",
}


def check_replay_input_include_item(value: str) -> ReplayInputIncludeItem:
    if value in REPLAY_INPUT_INCLUDE_ITEM_VALUES:
        return value
    raise TypeError(
        f"Unexpected value {value!r}. Expected one of {REPLAY_INPUT_INCLUDE_ITEM_VALUES!r}"
    )
