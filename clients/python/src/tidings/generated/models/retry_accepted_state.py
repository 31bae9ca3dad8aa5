from typing import Literal

RetryAcceptedState = Literal["waiting"]

RETRY_ACCEPTED_STATE_VALUES: set[RetryAcceptedState] = {
    "waiting",
}


def check_retry_accepted_state(value: str) -> RetryAcceptedState:
    if value in RETRY_ACCEPTED_STATE_VALUES:
        return value
    raise TypeError(
        f"Unexpected value {value!r}. Expected one of {RETRY_ACCEPTED_STATE_VALUES!r}"
    )
