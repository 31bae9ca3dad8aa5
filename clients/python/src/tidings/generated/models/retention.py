from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="Retention")


@_attrs_define
class Retention:
    """How long an organization's own events are kept, in days; null is as the server says.

    Attributes:
        attempts_days (int | None | Unset): Events, deliveries and attempts.
        bodies_days (int | None | Unset): Bodies.
    """

    attempts_days: int | None | Unset = UNSET
    bodies_days: int | None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        attempts_days: int | None | Unset
        if isinstance(self.attempts_days, Unset):
            attempts_days = UNSET
        else:
            attempts_days = self.attempts_days

        bodies_days: int | None | Unset
        if isinstance(self.bodies_days, Unset):
            bodies_days = UNSET
        else:
            bodies_days = self.bodies_days

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if attempts_days is not UNSET:
            field_dict["attempts_days"] = attempts_days
        if bodies_days is not UNSET:
            field_dict["bodies_days"] = bodies_days

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)

        def _parse_attempts_days(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        attempts_days = _parse_attempts_days(d.pop("attempts_days", UNSET))

        def _parse_bodies_days(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        bodies_days = _parse_bodies_days(d.pop("bodies_days", UNSET))

        retention = cls(
            attempts_days=attempts_days,
            bodies_days=bodies_days,
        )

        retention.additional_properties = d
        return retention

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
