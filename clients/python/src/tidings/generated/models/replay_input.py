from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define

from ..models.replay_input_include_item import (
    ReplayInputIncludeItem,
    check_replay_input_include_item,
)

T = TypeVar("T", bound="ReplayInput")


@_attrs_define
class ReplayInput:
    """A replay to start.

    Attributes:
        from_ (datetime.datetime): Events accepted then or later (RFC 3339). Example: 2026-03-01T00:00:00Z.
        include (list[ReplayInputIncludeItem]): `exhausted`, `cancelled`, `delivered`, `missing`. Example: ['exhausted',
            'missing'].
        to (datetime.datetime): Events accepted before then; at most 90 days later. Example: 2026-03-02T00:00:00Z.
    """

    from_: datetime.datetime
    include: list[ReplayInputIncludeItem]
    to: datetime.datetime

    def to_dict(self) -> dict[str, Any]:
        from_ = self.from_.isoformat()

        include = []
        for include_item_data in self.include:
            include_item: str = include_item_data
            include.append(include_item)

        to = self.to.isoformat()

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "from": from_,
                "include": include,
                "to": to,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        from_ = datetime.datetime.fromisoformat(d.pop("from"))

        include = []
        _include = d.pop("include")
        for include_item_data in _include:
            include_item = check_replay_input_include_item(include_item_data)

            include.append(include_item)

        to = datetime.datetime.fromisoformat(d.pop("to"))

        replay_input = cls(
            from_=from_,
            include=include,
            to=to,
        )

        return replay_input
