from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Self, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="Event")


@_attrs_define
class Event:
    """An event, without its data.

    Attributes:
        accepted_at (datetime.datetime):
        id (str):
        organization_id (int):
        public (bool):
        reference (None | str):
        test (bool): Whether it is a test send.
        type_ (str): The own form.
    """

    accepted_at: datetime.datetime
    id: str
    organization_id: int
    public: bool
    reference: None | str
    test: bool
    type_: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        accepted_at = self.accepted_at.isoformat()

        id = self.id

        organization_id = self.organization_id

        public = self.public

        reference: None | str
        reference = self.reference

        test = self.test

        type_ = self.type_

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "accepted_at": accepted_at,
                "id": id,
                "organization_id": organization_id,
                "public": public,
                "reference": reference,
                "test": test,
                "type": type_,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        accepted_at = datetime.datetime.fromisoformat(d.pop("accepted_at"))

        id = d.pop("id")

        organization_id = d.pop("organization_id")

        public = d.pop("public")

        def _parse_reference(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        reference = _parse_reference(d.pop("reference"))

        test = d.pop("test")

        type_ = d.pop("type")

        event = cls(
            accepted_at=accepted_at,
            id=id,
            organization_id=organization_id,
            public=public,
            reference=reference,
            test=test,
            type_=type_,
        )

        event.additional_properties = d
        return event

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
