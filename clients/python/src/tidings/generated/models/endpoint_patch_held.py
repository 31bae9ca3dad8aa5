from typing import Literal

EndpointPatchHeld = Literal["discard", "send"]

ENDPOINT_PATCH_HELD_VALUES: set[EndpointPatchHeld] = {
    "discard",
    "send",
}


def check_endpoint_patch_held(value: str) -> EndpointPatchHeld:
    if value in ENDPOINT_PATCH_HELD_VALUES:
        return value
    raise TypeError(
        f"Unexpected value {value!r}. Expected one of {ENDPOINT_PATCH_HELD_VALUES!r}"
    )
