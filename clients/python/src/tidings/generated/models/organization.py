from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.organization_add_ons_item import (
    OrganizationAddOnsItem,
    check_organization_add_ons_item,
)

if TYPE_CHECKING:
    from ..models.retention import Retention


T = TypeVar("T", bound="Organization")


@_attrs_define
class Organization:
    """An organization.

    Attributes:
        add_ons (list[OrganizationAddOnsItem]): `crm_integrations`, `api_access`.
        created_at (datetime.datetime):
        id (int): The number that goes on the wire.
        name (str):
        retention (Retention): How long an organization's own events are kept, in days; null is as the server says.
        slug (None | str):
        updated_at (datetime.datetime):
        webhooks_available (bool): Whether an add-on grants webhooks at all.
        webhooks_enabled (bool): The feature switch.
    """

    add_ons: list[OrganizationAddOnsItem]
    created_at: datetime.datetime
    id: int
    name: str
    retention: Retention
    slug: None | str
    updated_at: datetime.datetime
    webhooks_available: bool
    webhooks_enabled: bool
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        add_ons = []
        for add_ons_item_data in self.add_ons:
            add_ons_item: str = add_ons_item_data
            add_ons.append(add_ons_item)

        created_at = self.created_at.isoformat()

        id = self.id

        name = self.name

        retention = self.retention.to_dict()

        slug: None | str
        slug = self.slug

        updated_at = self.updated_at.isoformat()

        webhooks_available = self.webhooks_available

        webhooks_enabled = self.webhooks_enabled

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "add_ons": add_ons,
                "created_at": created_at,
                "id": id,
                "name": name,
                "retention": retention,
                "slug": slug,
                "updated_at": updated_at,
                "webhooks_available": webhooks_available,
                "webhooks_enabled": webhooks_enabled,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from ..models.retention import Retention

        d = dict(src_dict)
        add_ons = []
        _add_ons = d.pop("add_ons")
        for add_ons_item_data in _add_ons:
            add_ons_item = check_organization_add_ons_item(add_ons_item_data)

            add_ons.append(add_ons_item)

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        id = d.pop("id")

        name = d.pop("name")

        retention = Retention.from_dict(d.pop("retention"))

        def _parse_slug(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        slug = _parse_slug(d.pop("slug"))

        updated_at = datetime.datetime.fromisoformat(d.pop("updated_at"))

        webhooks_available = d.pop("webhooks_available")

        webhooks_enabled = d.pop("webhooks_enabled")

        organization = cls(
            add_ons=add_ons,
            created_at=created_at,
            id=id,
            name=name,
            retention=retention,
            slug=slug,
            updated_at=updated_at,
            webhooks_available=webhooks_available,
            webhooks_enabled=webhooks_enabled,
        )

        organization.additional_properties = d
        return organization

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
