from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.answer import Answer
    from ..models.header import Header
    from ..models.timing import Timing


T = TypeVar("T", bound="Attempt")


@_attrs_define
class Attempt:
    """One HTTP request.

    Attributes:
        answer (Answer | None):
        id (str):
        lateness_ms (float): How much later than due it started.
        number (int):
        outcome (str): `success`, `redirect`, `status`, or what went wrong.
        request_headers (list[Header]): As they were sent, but for the values of custom ones.
        started_at (datetime.datetime):
        status (int | None): The answer's status, if a whole answer came.
        timing (Timing): How an attempt's time was spent, in milliseconds; parts that did not happen are left out.
        url (str):
        detail (str | Unset): More than the outcome says; not for viewers.
        peer (str | Unset): The address that was dialled; not for viewers.
    """

    answer: Answer | None
    id: str
    lateness_ms: float
    number: int
    outcome: str
    request_headers: list[Header]
    started_at: datetime.datetime
    status: int | None
    timing: Timing
    url: str
    detail: str | Unset = UNSET
    peer: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.answer import Answer

        answer: dict[str, Any] | None
        if isinstance(self.answer, Answer):
            answer = self.answer.to_dict()
        else:
            answer = self.answer

        id = self.id

        lateness_ms = self.lateness_ms

        number = self.number

        outcome = self.outcome

        request_headers = []
        for request_headers_item_data in self.request_headers:
            request_headers_item = request_headers_item_data.to_dict()
            request_headers.append(request_headers_item)

        started_at = self.started_at.isoformat()

        status: int | None
        status = self.status

        timing = self.timing.to_dict()

        url = self.url

        detail = self.detail

        peer = self.peer

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "answer": answer,
                "id": id,
                "lateness_ms": lateness_ms,
                "number": number,
                "outcome": outcome,
                "request_headers": request_headers,
                "started_at": started_at,
                "status": status,
                "timing": timing,
                "url": url,
            }
        )
        if detail is not UNSET:
            field_dict["detail"] = detail
        if peer is not UNSET:
            field_dict["peer"] = peer

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from ..models.answer import Answer
        from ..models.header import Header
        from ..models.timing import Timing

        d = dict(src_dict)

        def _parse_answer(data: object) -> Answer | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                answer_type_0 = Answer.from_dict(data)

                return answer_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(Answer | None, data)

        answer = _parse_answer(d.pop("answer"))

        id = d.pop("id")

        lateness_ms = d.pop("lateness_ms")

        number = d.pop("number")

        outcome = d.pop("outcome")

        request_headers = []
        _request_headers = d.pop("request_headers")
        for request_headers_item_data in _request_headers:
            request_headers_item = Header.from_dict(request_headers_item_data)

            request_headers.append(request_headers_item)

        started_at = datetime.datetime.fromisoformat(d.pop("started_at"))

        def _parse_status(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        status = _parse_status(d.pop("status"))

        timing = Timing.from_dict(d.pop("timing"))

        url = d.pop("url")

        detail = d.pop("detail", UNSET)

        peer = d.pop("peer", UNSET)

        attempt = cls(
            answer=answer,
            id=id,
            lateness_ms=lateness_ms,
            number=number,
            outcome=outcome,
            request_headers=request_headers,
            started_at=started_at,
            status=status,
            timing=timing,
            url=url,
            detail=detail,
            peer=peer,
        )

        attempt.additional_properties = d
        return attempt

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
