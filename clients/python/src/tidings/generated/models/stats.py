from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.counts import Counts
    from ..models.stats_point import StatsPoint


T = TypeVar("T", bound="Stats")


@_attrs_define
class Stats:
    """Statistics over time.

    Attributes:
        from_ (datetime.datetime):
        points (list[StatsPoint]):
        step_seconds (int):
        to (datetime.datetime):
        total (Counts): What was counted.
    """

    from_: datetime.datetime
    points: list[StatsPoint]
    step_seconds: int
    to: datetime.datetime
    total: Counts
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from_ = self.from_.isoformat()

        points = []
        for points_item_data in self.points:
            points_item = points_item_data.to_dict()
            points.append(points_item)

        step_seconds = self.step_seconds

        to = self.to.isoformat()

        total = self.total.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "from": from_,
                "points": points,
                "step_seconds": step_seconds,
                "to": to,
                "total": total,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from ..models.counts import Counts
        from ..models.stats_point import StatsPoint

        d = dict(src_dict)
        from_ = datetime.datetime.fromisoformat(d.pop("from"))

        points = []
        _points = d.pop("points")
        for points_item_data in _points:
            points_item = StatsPoint.from_dict(points_item_data)

            points.append(points_item)

        step_seconds = d.pop("step_seconds")

        to = datetime.datetime.fromisoformat(d.pop("to"))

        total = Counts.from_dict(d.pop("total"))

        stats = cls(
            from_=from_,
            points=points,
            step_seconds=step_seconds,
            to=to,
            total=total,
        )

        stats.additional_properties = d
        return stats

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
