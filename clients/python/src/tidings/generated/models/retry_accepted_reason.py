from typing import Literal

RetryAcceptedReason = Literal["due"]

RETRY_ACCEPTED_REASON_VALUES: set[RetryAcceptedReason] = {
    "due",
}


def check_retry_accepted_reason(value: str) -> RetryAcceptedReason:
    if value in RETRY_ACCEPTED_REASON_VALUES:
        return value
    raise TypeError(
        f"Unexpected value {value!r}. Expected one of {RETRY_ACCEPTED_REASON_VALUES!r}"
    )
