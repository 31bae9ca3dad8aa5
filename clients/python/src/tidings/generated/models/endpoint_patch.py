from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from attrs import define as _attrs_define

from ..models.endpoint_patch_held import EndpointPatchHeld, check_endpoint_patch_held
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.endpoint_patch_headers import EndpointPatchHeaders


T = TypeVar("T", bound="EndpointPatch")


@_attrs_define
class EndpointPatch:
    """Changes to an endpoint; what is left out stays.

    Attributes:
        description (str | Unset): At most 200 characters.
        enabled (bool | Unset): Off holds what waits. Example: True.
        event_types (list[str] | Unset): All types it is sent from now on.
        headers (EndpointPatchHeaders | Unset): All custom headers from now on.
        held (EndpointPatchHeld | Unset): With `enabled: true`: `send` (default) or `discard` what was held.
        url (str | Unset): Where requests go from now on.
    """

    description: str | Unset = UNSET
    enabled: bool | Unset = UNSET
    event_types: list[str] | Unset = UNSET
    headers: EndpointPatchHeaders | Unset = UNSET
    held: EndpointPatchHeld | Unset = UNSET
    url: str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        description = self.description

        enabled = self.enabled

        event_types: list[str] | Unset = UNSET
        if not isinstance(self.event_types, Unset):
            event_types = self.event_types

        headers: dict[str, Any] | Unset = UNSET
        if not isinstance(self.headers, Unset):
            headers = self.headers.to_dict()

        held: str | Unset = UNSET
        if not isinstance(self.held, Unset):
            held = self.held

        url = self.url

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if description is not UNSET:
            field_dict["description"] = description
        if enabled is not UNSET:
            field_dict["enabled"] = enabled
        if event_types is not UNSET:
            field_dict["event_types"] = event_types
        if headers is not UNSET:
            field_dict["headers"] = headers
        if held is not UNSET:
            field_dict["held"] = held
        if url is not UNSET:
            field_dict["url"] = url

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from ..models.endpoint_patch_headers import EndpointPatchHeaders

        d = dict(src_dict)
        description = d.pop("description", UNSET)

        enabled = d.pop("enabled", UNSET)

        event_types = cast(list[str], d.pop("event_types", UNSET))

        _headers = d.pop("headers", UNSET)
        headers: EndpointPatchHeaders | Unset
        if isinstance(_headers, Unset):
            headers = UNSET
        else:
            headers = EndpointPatchHeaders.from_dict(_headers)

        _held = d.pop("held", UNSET)
        held: EndpointPatchHeld | Unset
        if isinstance(_held, Unset):
            held = UNSET
        else:
            held = check_endpoint_patch_held(_held)

        url = d.pop("url", UNSET)

        endpoint_patch = cls(
            description=description,
            enabled=enabled,
            event_types=event_types,
            headers=headers,
            held=held,
            url=url,
        )

        return endpoint_patch
