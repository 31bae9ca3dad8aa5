from typing import Literal

KeyScope = Literal["administrator", "operator", "producer", "viewer"]

KEY_SCOPE_VALUES: set[KeyScope] = {
    "administrator",
    "operator",
    "producer",
    "viewer",
}


def check_key_scope(value: str) -> KeyScope:
    if value in KEY_SCOPE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {KEY_SCOPE_VALUES!r}")
