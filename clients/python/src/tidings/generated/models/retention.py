from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="Retention")


@_attrs_define
class Retention:
    """How long an organization's own events are kept, in days; null is as the server says.

    Attributes:
        attempts_days (int | None | Unset): Events, deliveries and attempts; at least as long as bodies.
        bodies_days (int | None | Unset): Bodies.
    """

    attempts_days: int | None | Unset = UNSET
    bodies_days: int | None | Unset = UNSET

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

        return retention
