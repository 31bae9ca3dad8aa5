from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define

from ..models.portal_link_input_role import (
    PortalLinkInputRole,
    check_portal_link_input_role,
)
from ..types import UNSET, Unset

T = TypeVar("T", bound="PortalLinkInput")


@_attrs_define
class PortalLinkInput:
    """A portal link to make.

    Attributes:
        role (PortalLinkInputRole): `administrator` or `viewer`.
        expires_in_seconds (int | Unset): How long the link may be used: 10 to 3600, default 300. Default: 300.
        return_url (str | Unset): Where "Back to your platform" leads; an http or https URL.
    """

    role: PortalLinkInputRole
    expires_in_seconds: int | Unset = 300
    return_url: str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        role: str = self.role

        expires_in_seconds = self.expires_in_seconds

        return_url = self.return_url

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "role": role,
            }
        )
        if expires_in_seconds is not UNSET:
            field_dict["expires_in_seconds"] = expires_in_seconds
        if return_url is not UNSET:
            field_dict["return_url"] = return_url

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        role = check_portal_link_input_role(d.pop("role"))

        expires_in_seconds = d.pop("expires_in_seconds", UNSET)

        return_url = d.pop("return_url", UNSET)

        portal_link_input = cls(
            role=role,
            expires_in_seconds=expires_in_seconds,
            return_url=return_url,
        )

        return portal_link_input
