from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from attrs import define as _attrs_define

from ..models.organization_input_add_ons_item import (
    OrganizationInputAddOnsItem,
    check_organization_input_add_ons_item,
)
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.retention import Retention


T = TypeVar("T", bound="OrganizationInput")


@_attrs_define
class OrganizationInput:
    """An organization to create or change.

    Attributes:
        add_ons (list[OrganizationInputAddOnsItem]): All add-ons it now has: `crm_integrations`, `api_access`. Example:
            ['api_access'].
        name (str): 1 to 200 characters. Example: Larkspur Commons.
        restore (bool | Unset): Of a number whose organization was deleted and not erased: bring it back, with its
            history. Without it the answer is
            409 `organization_deleted`.
        retention (None | Retention | Unset):
        slug (str | Unset): The platform's short name; left out it stays.
    """

    add_ons: list[OrganizationInputAddOnsItem]
    name: str
    restore: bool | Unset = UNSET
    retention: None | Retention | Unset = UNSET
    slug: str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        from ..models.retention import Retention

        add_ons = []
        for add_ons_item_data in self.add_ons:
            add_ons_item: str = add_ons_item_data
            add_ons.append(add_ons_item)

        name = self.name

        restore = self.restore

        retention: dict[str, Any] | None | Unset
        if isinstance(self.retention, Unset):
            retention = UNSET
        elif isinstance(self.retention, Retention):
            retention = self.retention.to_dict()
        else:
            retention = self.retention

        slug = self.slug

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "add_ons": add_ons,
                "name": name,
            }
        )
        if restore is not UNSET:
            field_dict["restore"] = restore
        if retention is not UNSET:
            field_dict["retention"] = retention
        if slug is not UNSET:
            field_dict["slug"] = slug

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from ..models.retention import Retention

        d = dict(src_dict)
        add_ons = []
        _add_ons = d.pop("add_ons")
        for add_ons_item_data in _add_ons:
            add_ons_item = check_organization_input_add_ons_item(add_ons_item_data)

            add_ons.append(add_ons_item)

        name = d.pop("name")

        restore = d.pop("restore", UNSET)

        def _parse_retention(data: object) -> None | Retention | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                retention_type_0 = Retention.from_dict(data)

                return retention_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Retention | Unset, data)

        retention = _parse_retention(d.pop("retention", UNSET))

        slug = d.pop("slug", UNSET)

        organization_input = cls(
            add_ons=add_ons,
            name=name,
            restore=restore,
            retention=retention,
            slug=slug,
        )

        return organization_input
