from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.endpoint_status import EndpointStatus, check_endpoint_status
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.endpoint_headers import EndpointHeaders


T = TypeVar("T", bound="Endpoint")


@_attrs_define
class Endpoint:
    """An endpoint.

    Attributes:
        created_at (datetime.datetime):
        description (str):
        enabled (bool): The endpoint's own switch.
        event_types (list[str]):
        headers (EndpointHeaders): Custom headers; values are never shown.
        id (str):
        organization_id (int):
        status (EndpointStatus): `active`, `off` (its switch or its organization's), or `suspended` (no add-on).
        updated_at (datetime.datetime):
        url (str): Viewers see scheme and host only.
        secret (str | Unset): Only at creation.
    """

    created_at: datetime.datetime
    description: str
    enabled: bool
    event_types: list[str]
    headers: EndpointHeaders
    id: str
    organization_id: int
    status: EndpointStatus
    updated_at: datetime.datetime
    url: str
    secret: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        created_at = self.created_at.isoformat()

        description = self.description

        enabled = self.enabled

        event_types = self.event_types

        headers = self.headers.to_dict()

        id = self.id

        organization_id = self.organization_id

        status: str = self.status

        updated_at = self.updated_at.isoformat()

        url = self.url

        secret = self.secret

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "created_at": created_at,
                "description": description,
                "enabled": enabled,
                "event_types": event_types,
                "headers": headers,
                "id": id,
                "organization_id": organization_id,
                "status": status,
                "updated_at": updated_at,
                "url": url,
            }
        )
        if secret is not UNSET:
            field_dict["secret"] = secret

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from ..models.endpoint_headers import EndpointHeaders

        d = dict(src_dict)
        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        description = d.pop("description")

        enabled = d.pop("enabled")

        event_types = cast(list[str], d.pop("event_types"))

        headers = EndpointHeaders.from_dict(d.pop("headers"))

        id = d.pop("id")

        organization_id = d.pop("organization_id")

        status = check_endpoint_status(d.pop("status"))

        updated_at = datetime.datetime.fromisoformat(d.pop("updated_at"))

        url = d.pop("url")

        secret = d.pop("secret", UNSET)

        endpoint = cls(
            created_at=created_at,
            description=description,
            enabled=enabled,
            event_types=event_types,
            headers=headers,
            id=id,
            organization_id=organization_id,
            status=status,
            updated_at=updated_at,
            url=url,
            secret=secret,
        )

        endpoint.additional_properties = d
        return endpoint

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
