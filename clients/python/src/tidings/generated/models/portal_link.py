from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.portal_link_role import PortalLinkRole, check_portal_link_role

T = TypeVar("T", bound="PortalLink")


@_attrs_define
class PortalLink:
    """A portal link. It works once; what it opens lasts at most 12 hours.

    Attributes:
        expires_at (datetime.datetime):
        id (str):
        organization_id (int):
        role (PortalLinkRole):
        url (str): The link itself; in this answer only.
    """

    expires_at: datetime.datetime
    id: str
    organization_id: int
    role: PortalLinkRole
    url: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        expires_at = self.expires_at.isoformat()

        id = self.id

        organization_id = self.organization_id

        role: str = self.role

        url = self.url

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "expires_at": expires_at,
                "id": id,
                "organization_id": organization_id,
                "role": role,
                "url": url,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        expires_at = datetime.datetime.fromisoformat(d.pop("expires_at"))

        id = d.pop("id")

        organization_id = d.pop("organization_id")

        role = check_portal_link_role(d.pop("role"))

        url = d.pop("url")

        portal_link = cls(
            expires_at=expires_at,
            id=id,
            organization_id=organization_id,
            role=role,
            url=url,
        )

        portal_link.additional_properties = d
        return portal_link

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
