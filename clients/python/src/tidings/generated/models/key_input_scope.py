from typing import Literal

KeyInputScope = Literal["administrator", "operator", "producer", "viewer"]

KEY_INPUT_SCOPE_VALUES: set[KeyInputScope] = {
    "administrator",
    "operator",
    "producer",
    "viewer",
}


def check_key_input_scope(value: str) -> KeyInputScope:
    if value in KEY_INPUT_SCOPE_VALUES:
        return value
    raise TypeError(
        f"Unexpected value {value!r}. Expected one of {KEY_INPUT_SCOPE_VALUES!r}"
    )
