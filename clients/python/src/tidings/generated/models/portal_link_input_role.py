from typing import Literal

PortalLinkInputRole = Literal["administrator", "viewer"]

PORTAL_LINK_INPUT_ROLE_VALUES: set[PortalLinkInputRole] = {
    "administrator",
    "viewer",
}


def check_portal_link_input_role(value: str) -> PortalLinkInputRole:
    if value in PORTAL_LINK_INPUT_ROLE_VALUES:
        return value
    raise TypeError(
        f"Unexpected value {value!r}. Expected one of {PORTAL_LINK_INPUT_ROLE_VALUES!r}"
    )
