from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.counts_outcomes import CountsOutcomes
    from ..models.percentiles import Percentiles


T = TypeVar("T", bound="StatsPoint")


@_attrs_define
class StatsPoint:
    """One step.

    Attributes:
        attempts (int): HTTP requests made, test sends not among them.
        delivered (int): Deliveries that arrived.
        exhausted (int): Deliveries whose tries were used up.
        latency_ms (None | Percentiles):
        outcomes (CountsOutcomes): Attempts by the class of their outcome.
        at (datetime.datetime): When the step begins.
    """

    attempts: int
    delivered: int
    exhausted: int
    latency_ms: None | Percentiles
    outcomes: CountsOutcomes
    at: datetime.datetime
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.percentiles import Percentiles

        attempts = self.attempts

        delivered = self.delivered

        exhausted = self.exhausted

        latency_ms: dict[str, Any] | None
        if isinstance(self.latency_ms, Percentiles):
            latency_ms = self.latency_ms.to_dict()
        else:
            latency_ms = self.latency_ms

        outcomes = self.outcomes.to_dict()

        at = self.at.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "attempts": attempts,
                "delivered": delivered,
                "exhausted": exhausted,
                "latency_ms": latency_ms,
                "outcomes": outcomes,
                "at": at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from ..models.counts_outcomes import CountsOutcomes
        from ..models.percentiles import Percentiles

        d = dict(src_dict)
        attempts = d.pop("attempts")

        delivered = d.pop("delivered")

        exhausted = d.pop("exhausted")

        def _parse_latency_ms(data: object) -> None | Percentiles:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                latency_ms_type_0 = Percentiles.from_dict(data)

                return latency_ms_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Percentiles, data)

        latency_ms = _parse_latency_ms(d.pop("latency_ms"))

        outcomes = CountsOutcomes.from_dict(d.pop("outcomes"))

        at = datetime.datetime.fromisoformat(d.pop("at"))

        stats_point = cls(
            attempts=attempts,
            delivered=delivered,
            exhausted=exhausted,
            latency_ms=latency_ms,
            outcomes=outcomes,
            at=at,
        )

        stats_point.additional_properties = d
        return stats_point

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
