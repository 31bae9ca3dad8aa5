from typing import Literal

DeliveryReasonType0 = Literal[
    "add_on", "damaged", "deleted", "discarded", "due", "expired", "held", "in_flight"
]

DELIVERY_REASON_TYPE_0_VALUES: set[DeliveryReasonType0] = {
    "add_on",
    "damaged",
    "deleted",
    "discarded",
    "due",
    "expired",
    "held",
    "in_flight",
}


def check_delivery_reason_type_0(value: str) -> DeliveryReasonType0:
    if value in DELIVERY_REASON_TYPE_0_VALUES:
        return value
    raise TypeError(
        f"Unexpected value {value!r}. Expected one of {DELIVERY_REASON_TYPE_0_VALUES!r}"
    )
