from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.endpoint_input_headers import EndpointInputHeaders


T = TypeVar("T", bound="EndpointInput")


@_attrs_define
class EndpointInput:
    """An endpoint to make.

    Attributes:
        event_types (list[str]): The types it is sent, in own or public form. Example: ['project.updated'].
        url (str): Where requests go. Example: https://crm.example.com/hooks.
        description (str | Unset): At most 200 characters.
        enabled (bool | Unset): Default true.
        headers (EndpointInputHeaders | Unset): Sent with every request; at most 20.
        secret (str | Unset): Operators only: an existing secret to go on with, 1 to 256 bytes.
    """

    event_types: list[str]
    url: str
    description: str | Unset = UNSET
    enabled: bool | Unset = UNSET
    headers: EndpointInputHeaders | Unset = UNSET
    secret: str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        event_types = self.event_types

        url = self.url

        description = self.description

        enabled = self.enabled

        headers: dict[str, Any] | Unset = UNSET
        if not isinstance(self.headers, Unset):
            headers = self.headers.to_dict()

        secret = self.secret

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "event_types": event_types,
                "url": url,
            }
        )
        if description is not UNSET:
            field_dict["description"] = description
        if enabled is not UNSET:
            field_dict["enabled"] = enabled
        if headers is not UNSET:
            field_dict["headers"] = headers
        if secret is not UNSET:
            field_dict["secret"] = secret

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from ..models.endpoint_input_headers import EndpointInputHeaders

        d = dict(src_dict)
        event_types = cast(list[str], d.pop("event_types"))

        url = d.pop("url")

        description = d.pop("description", UNSET)

        enabled = d.pop("enabled", UNSET)

        _headers = d.pop("headers", UNSET)
        headers: EndpointInputHeaders | Unset
        if isinstance(_headers, Unset):
            headers = UNSET
        else:
            headers = EndpointInputHeaders.from_dict(_headers)

        secret = d.pop("secret", UNSET)

        endpoint_input = cls(
            event_types=event_types,
            url=url,
            description=description,
            enabled=enabled,
            headers=headers,
            secret=secret,
        )

        return endpoint_input
