from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.event_type_audience import EventTypeAudience, check_event_type_audience

if TYPE_CHECKING:
    from ..models.event_type_example_type_0 import EventTypeExampleType0
    from ..models.event_type_schema_type_0 import EventTypeSchemaType0


T = TypeVar("T", bound="EventType")


@_attrs_define
class EventType:
    """One form of an event type.

    Attributes:
        audience (EventTypeAudience): `own` or `public`.
        compatible (bool): Whether it belongs to the compatible set.
        description (str):
        enabled (bool): Whether it is in use.
        enforced (bool): Whether events that do not fit the schema are refused.
        example (EventTypeExampleType0 | None): An example of `data`: what a test send carries.
        label (str):
        own_form (str): What producers post.
        schema (EventTypeSchemaType0 | None): JSON Schema of `data`.
        type_ (str): The form on the wire.
    """

    audience: EventTypeAudience
    compatible: bool
    description: str
    enabled: bool
    enforced: bool
    example: EventTypeExampleType0 | None
    label: str
    own_form: str
    schema: EventTypeSchemaType0 | None
    type_: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.event_type_example_type_0 import EventTypeExampleType0
        from ..models.event_type_schema_type_0 import EventTypeSchemaType0

        audience: str = self.audience

        compatible = self.compatible

        description = self.description

        enabled = self.enabled

        enforced = self.enforced

        example: dict[str, Any] | None
        if isinstance(self.example, EventTypeExampleType0):
            example = self.example.to_dict()
        else:
            example = self.example

        label = self.label

        own_form = self.own_form

        schema: dict[str, Any] | None
        if isinstance(self.schema, EventTypeSchemaType0):
            schema = self.schema.to_dict()
        else:
            schema = self.schema

        type_ = self.type_

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "audience": audience,
                "compatible": compatible,
                "description": description,
                "enabled": enabled,
                "enforced": enforced,
                "example": example,
                "label": label,
                "own_form": own_form,
                "schema": schema,
                "type": type_,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from ..models.event_type_example_type_0 import EventTypeExampleType0
        from ..models.event_type_schema_type_0 import EventTypeSchemaType0

        d = dict(src_dict)
        audience = check_event_type_audience(d.pop("audience"))

        compatible = d.pop("compatible")

        description = d.pop("description")

        enabled = d.pop("enabled")

        enforced = d.pop("enforced")

        def _parse_example(data: object) -> EventTypeExampleType0 | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                example_type_0 = EventTypeExampleType0.from_dict(data)

                return example_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(EventTypeExampleType0 | None, data)

        example = _parse_example(d.pop("example"))

        label = d.pop("label")

        own_form = d.pop("own_form")

        def _parse_schema(data: object) -> EventTypeSchemaType0 | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                schema_type_0 = EventTypeSchemaType0.from_dict(data)

                return schema_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(EventTypeSchemaType0 | None, data)

        schema = _parse_schema(d.pop("schema"))

        type_ = d.pop("type")

        event_type = cls(
            audience=audience,
            compatible=compatible,
            description=description,
            enabled=enabled,
            enforced=enforced,
            example=example,
            label=label,
            own_form=own_form,
            schema=schema,
            type_=type_,
        )

        event_type.additional_properties = d
        return event_type

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
