from typing import Literal

WebhooksInputHeld = Literal["discard", "send"]

WEBHOOKS_INPUT_HELD_VALUES: set[WebhooksInputHeld] = {
    "discard",
    "send",
}


def check_webhooks_input_held(value: str) -> WebhooksInputHeld:
    if value in WEBHOOKS_INPUT_HELD_VALUES:
        return value
    raise TypeError(
        f"Unexpected value {value!r}. Expected one of {WEBHOOKS_INPUT_HELD_VALUES!r}"
    )
