from typing import Literal

PortalLinkRole = Literal["administrator", "viewer"]

PORTAL_LINK_ROLE_VALUES: set[PortalLinkRole] = {
    "administrator",
    "viewer",
}


def check_portal_link_role(value: str) -> PortalLinkRole:
    if value in PORTAL_LINK_ROLE_VALUES:
        return value
    raise TypeError(
        f"Unexpected value {value!r}. Expected one of {PORTAL_LINK_ROLE_VALUES!r}"
    )
