from typing import Literal

DeliveryRound = Literal["plan", "replay", "retry", "test"]

DELIVERY_ROUND_VALUES: set[DeliveryRound] = {
    "plan",
    "replay",
    "retry",
    "test",
}


def check_delivery_round(value: str) -> DeliveryRound:
    if value in DELIVERY_ROUND_VALUES:
        return value
    raise TypeError(
        f"Unexpected value {value!r}. Expected one of {DELIVERY_ROUND_VALUES!r}"
    )
