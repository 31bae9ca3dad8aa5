from typing import Literal

ListDeliveriesState = Literal["cancelled", "delivered", "exhausted", "waiting"]

LIST_DELIVERIES_STATE_VALUES: set[ListDeliveriesState] = {
    "cancelled",
    "delivered",
    "exhausted",
    "waiting",
}


def check_list_deliveries_state(value: str) -> ListDeliveriesState:
    if value in LIST_DELIVERIES_STATE_VALUES:
        return value
    raise TypeError(
        f"Unexpected value {value!r}. Expected one of {LIST_DELIVERIES_STATE_VALUES!r}"
    )
