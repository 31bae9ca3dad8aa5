from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define

from ..models.webhooks_input_held import WebhooksInputHeld, check_webhooks_input_held
from ..types import UNSET, Unset

T = TypeVar("T", bound="WebhooksInput")


@_attrs_define
class WebhooksInput:
    """The feature switch.

    Attributes:
        enabled (bool): Off holds what waits and makes nothing new. Example: True.
        held (WebhooksInputHeld | Unset): With `enabled: true`: `send` (default) or `discard` what was held. What an
            endpoint holds that is off itself stays held.
    """

    enabled: bool
    held: WebhooksInputHeld | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        enabled = self.enabled

        held: str | Unset = UNSET
        if not isinstance(self.held, Unset):
            held = self.held

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "enabled": enabled,
            }
        )
        if held is not UNSET:
            field_dict["held"] = held

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        enabled = d.pop("enabled")

        _held = d.pop("held", UNSET)
        held: WebhooksInputHeld | Unset
        if isinstance(_held, Unset):
            held = UNSET
        else:
            held = check_webhooks_input_held(_held)

        webhooks_input = cls(
            enabled=enabled,
            held=held,
        )

        return webhooks_input
