from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from attrs import define as _attrs_define

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.event_type_input_example import EventTypeInputExample
    from ..models.event_type_input_schema import EventTypeInputSchema


T = TypeVar("T", bound="EventTypeInput")


@_attrs_define
class EventTypeInput:
    """One form of a type to register or change; what is left out stays.

    Attributes:
        description (str | Unset): When it fires, in words; at most 200 characters.
        enabled (bool | Unset): Default true for a new one.
        enforced (bool | Unset): Whether events that do not fit the schema are refused.
        example (EventTypeInputExample | Unset): An example of `data`, at most 64 KiB.
        label (str | Unset): What people call it, at most 200 characters.
        schema (EventTypeInputSchema | Unset): JSON Schema (draft 2020-12) of `data`, at most 64 KiB.
    """

    description: str | Unset = UNSET
    enabled: bool | Unset = UNSET
    enforced: bool | Unset = UNSET
    example: EventTypeInputExample | Unset = UNSET
    label: str | Unset = UNSET
    schema: EventTypeInputSchema | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        description = self.description

        enabled = self.enabled

        enforced = self.enforced

        example: dict[str, Any] | Unset = UNSET
        if not isinstance(self.example, Unset):
            example = self.example.to_dict()

        label = self.label

        schema: dict[str, Any] | Unset = UNSET
        if not isinstance(self.schema, Unset):
            schema = self.schema.to_dict()

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if description is not UNSET:
            field_dict["description"] = description
        if enabled is not UNSET:
            field_dict["enabled"] = enabled
        if enforced is not UNSET:
            field_dict["enforced"] = enforced
        if example is not UNSET:
            field_dict["example"] = example
        if label is not UNSET:
            field_dict["label"] = label
        if schema is not UNSET:
            field_dict["schema"] = schema

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from ..models.event_type_input_example import EventTypeInputExample
        from ..models.event_type_input_schema import EventTypeInputSchema

        d = dict(src_dict)
        description = d.pop("description", UNSET)

        enabled = d.pop("enabled", UNSET)

        enforced = d.pop("enforced", UNSET)

        _example = d.pop("example", UNSET)
        example: EventTypeInputExample | Unset
        if isinstance(_example, Unset):
            example = UNSET
        else:
            example = EventTypeInputExample.from_dict(_example)

        label = d.pop("label", UNSET)

        _schema = d.pop("schema", UNSET)
        schema: EventTypeInputSchema | Unset
        if isinstance(_schema, Unset):
            schema = UNSET
        else:
            schema = EventTypeInputSchema.from_dict(_schema)

        event_type_input = cls(
            description=description,
            enabled=enabled,
            enforced=enforced,
            example=example,
            label=label,
            schema=schema,
        )

        return event_type_input
