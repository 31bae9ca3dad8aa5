from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.replay_include_item import ReplayIncludeItem, check_replay_include_item
from ..models.replay_state import ReplayState, check_replay_state

T = TypeVar("T", bound="Replay")


@_attrs_define
class Replay:
    """A replay.

    Attributes:
        created_at (datetime.datetime):
        endpoint_id (str):
        examined (int): Events looked at.
        from_ (datetime.datetime):
        id (str):
        include (list[ReplayIncludeItem]):
        organization_id (int):
        percent (int): The part of the time range that is done.
        queued (int): Deliveries made due.
        state (ReplayState): `running`, `done`, `stopped`.
        to (datetime.datetime):
    """

    created_at: datetime.datetime
    endpoint_id: str
    examined: int
    from_: datetime.datetime
    id: str
    include: list[ReplayIncludeItem]
    organization_id: int
    percent: int
    queued: int
    state: ReplayState
    to: datetime.datetime
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        created_at = self.created_at.isoformat()

        endpoint_id = self.endpoint_id

        examined = self.examined

        from_ = self.from_.isoformat()

        id = self.id

        include = []
        for include_item_data in self.include:
            include_item: str = include_item_data
            include.append(include_item)

        organization_id = self.organization_id

        percent = self.percent

        queued = self.queued

        state: str = self.state

        to = self.to.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "created_at": created_at,
                "endpoint_id": endpoint_id,
                "examined": examined,
                "from": from_,
                "id": id,
                "include": include,
                "organization_id": organization_id,
                "percent": percent,
                "queued": queued,
                "state": state,
                "to": to,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        endpoint_id = d.pop("endpoint_id")

        examined = d.pop("examined")

        from_ = datetime.datetime.fromisoformat(d.pop("from"))

        id = d.pop("id")

        include = []
        _include = d.pop("include")
        for include_item_data in _include:
            include_item = check_replay_include_item(include_item_data)

            include.append(include_item)

        organization_id = d.pop("organization_id")

        percent = d.pop("percent")

        queued = d.pop("queued")

        state = check_replay_state(d.pop("state"))

        to = datetime.datetime.fromisoformat(d.pop("to"))

        replay = cls(
            created_at=created_at,
            endpoint_id=endpoint_id,
            examined=examined,
            from_=from_,
            id=id,
            include=include,
            organization_id=organization_id,
            percent=percent,
            queued=queued,
            state=state,
            to=to,
        )

        replay.additional_properties = d
        return replay

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
