from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.delivery_reason_type_0 import (
    DeliveryReasonType0,
    check_delivery_reason_type_0,
)
from ..models.delivery_round import DeliveryRound, check_delivery_round
from ..models.delivery_state import DeliveryState, check_delivery_state
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.attempt import Attempt
    from ..models.delivery_detail_body_type_0 import DeliveryDetailBodyType0


T = TypeVar("T", bound="DeliveryDetail")


@_attrs_define
class DeliveryDetail:
    """A delivery with what was sent and all its attempts.

    Attributes:
        accepted_at (datetime.datetime):
        attempts (int): HTTP requests made so far.
        due_at (datetime.datetime | None): When the next try is due, while it waits.
        endpoint_id (str):
        event_id (str):
        id (str): Also the `webhook-id` of every try.
        organization_id (int):
        reason (DeliveryReasonType0 | None): `due`, `in_flight`, `held`; `add_on`, `deleted`, `discarded`, `expired`,
            `damaged`.
        reference (None | str):
        rested_at (datetime.datetime | None): When it came to rest.
        round_ (DeliveryRound): Why tries are being made: `plan`, `retry`, `replay`, `test`.
        state (DeliveryState): `waiting`, `delivered`, `exhausted`, `cancelled`.
        type_ (str): The type on the wire.
        attempt_log (list[Attempt]): In the order they were made.
        body (DeliveryDetailBodyType0 | None): The request body as it is sent; null once retention removed it.
        erased_at (datetime.datetime | None | Unset): When its event was erased; null otherwise.
    """

    accepted_at: datetime.datetime
    attempts: int
    due_at: datetime.datetime | None
    endpoint_id: str
    event_id: str
    id: str
    organization_id: int
    reason: DeliveryReasonType0 | None
    reference: None | str
    rested_at: datetime.datetime | None
    round_: DeliveryRound
    state: DeliveryState
    type_: str
    attempt_log: list[Attempt]
    body: DeliveryDetailBodyType0 | None
    erased_at: datetime.datetime | None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.delivery_detail_body_type_0 import DeliveryDetailBodyType0

        accepted_at = self.accepted_at.isoformat()

        attempts = self.attempts

        due_at: None | str
        if isinstance(self.due_at, datetime.datetime):
            due_at = self.due_at.isoformat()
        else:
            due_at = self.due_at

        endpoint_id = self.endpoint_id

        event_id = self.event_id

        id = self.id

        organization_id = self.organization_id

        reason: None | str
        if isinstance(self.reason, str):
            reason = self.reason
        else:
            reason = self.reason

        reference: None | str
        reference = self.reference

        rested_at: None | str
        if isinstance(self.rested_at, datetime.datetime):
            rested_at = self.rested_at.isoformat()
        else:
            rested_at = self.rested_at

        round_: str = self.round_

        state: str = self.state

        type_ = self.type_

        attempt_log = []
        for attempt_log_item_data in self.attempt_log:
            attempt_log_item = attempt_log_item_data.to_dict()
            attempt_log.append(attempt_log_item)

        body: dict[str, Any] | None
        if isinstance(self.body, DeliveryDetailBodyType0):
            body = self.body.to_dict()
        else:
            body = self.body

        erased_at: None | str | Unset
        if isinstance(self.erased_at, Unset):
            erased_at = UNSET
        elif isinstance(self.erased_at, datetime.datetime):
            erased_at = self.erased_at.isoformat()
        else:
            erased_at = self.erased_at

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "accepted_at": accepted_at,
                "attempts": attempts,
                "due_at": due_at,
                "endpoint_id": endpoint_id,
                "event_id": event_id,
                "id": id,
                "organization_id": organization_id,
                "reason": reason,
                "reference": reference,
                "rested_at": rested_at,
                "round": round_,
                "state": state,
                "type": type_,
                "attempt_log": attempt_log,
                "body": body,
            }
        )
        if erased_at is not UNSET:
            field_dict["erased_at"] = erased_at

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from ..models.attempt import Attempt
        from ..models.delivery_detail_body_type_0 import DeliveryDetailBodyType0

        d = dict(src_dict)
        accepted_at = datetime.datetime.fromisoformat(d.pop("accepted_at"))

        attempts = d.pop("attempts")

        def _parse_due_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                due_at_type_0 = datetime.datetime.fromisoformat(data)

                return due_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        due_at = _parse_due_at(d.pop("due_at"))

        endpoint_id = d.pop("endpoint_id")

        event_id = d.pop("event_id")

        id = d.pop("id")

        organization_id = d.pop("organization_id")

        def _parse_reason(data: object) -> DeliveryReasonType0 | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                reason_type_0 = check_delivery_reason_type_0(data)

                return reason_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(DeliveryReasonType0 | None, data)

        reason = _parse_reason(d.pop("reason"))

        def _parse_reference(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        reference = _parse_reference(d.pop("reference"))

        def _parse_rested_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                rested_at_type_0 = datetime.datetime.fromisoformat(data)

                return rested_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        rested_at = _parse_rested_at(d.pop("rested_at"))

        round_ = check_delivery_round(d.pop("round"))

        state = check_delivery_state(d.pop("state"))

        type_ = d.pop("type")

        attempt_log = []
        _attempt_log = d.pop("attempt_log")
        for attempt_log_item_data in _attempt_log:
            attempt_log_item = Attempt.from_dict(attempt_log_item_data)

            attempt_log.append(attempt_log_item)

        def _parse_body(data: object) -> DeliveryDetailBodyType0 | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                body_type_0 = DeliveryDetailBodyType0.from_dict(data)

                return body_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(DeliveryDetailBodyType0 | None, data)

        body = _parse_body(d.pop("body"))

        def _parse_erased_at(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                erased_at_type_0 = datetime.datetime.fromisoformat(data)

                return erased_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        erased_at = _parse_erased_at(d.pop("erased_at", UNSET))

        delivery_detail = cls(
            accepted_at=accepted_at,
            attempts=attempts,
            due_at=due_at,
            endpoint_id=endpoint_id,
            event_id=event_id,
            id=id,
            organization_id=organization_id,
            reason=reason,
            reference=reference,
            rested_at=rested_at,
            round_=round_,
            state=state,
            type_=type_,
            attempt_log=attempt_log,
            body=body,
            erased_at=erased_at,
        )

        delivery_detail.additional_properties = d
        return delivery_detail

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
