from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.retry_accepted_reason import (
    RetryAcceptedReason,
    check_retry_accepted_reason,
)
from ..models.retry_accepted_state import RetryAcceptedState, check_retry_accepted_state

T = TypeVar("T", bound="RetryAccepted")


@_attrs_define
class RetryAccepted:
    """That a delivery is due again.

    Attributes:
        id (str):
        reason (RetryAcceptedReason):
        state (RetryAcceptedState):
    """

    id: str
    reason: RetryAcceptedReason
    state: RetryAcceptedState
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        reason: str = self.reason

        state: str = self.state

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "reason": reason,
                "state": state,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        id = d.pop("id")

        reason = check_retry_accepted_reason(d.pop("reason"))

        state = check_retry_accepted_state(d.pop("state"))

        retry_accepted = cls(
            id=id,
            reason=reason,
            state=state,
        )

        retry_accepted.additional_properties = d
        return retry_accepted

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
