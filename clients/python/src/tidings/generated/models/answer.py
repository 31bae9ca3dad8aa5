from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.header import Header


T = TypeVar("T", bound="Answer")


@_attrs_define
class Answer:
    """The answer of a receiver, as much of it as is kept.

    Attributes:
        body (str): As text; what is not UTF-8 is replaced.
        body_bytes (int): Bytes that were read in all.
        headers (list[Header]):
        status (int | None):
        body_base64 (str | Unset): Only where the body is not UTF-8.
    """

    body: str
    body_bytes: int
    headers: list[Header]
    status: int | None
    body_base64: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        body = self.body

        body_bytes = self.body_bytes

        headers = []
        for headers_item_data in self.headers:
            headers_item = headers_item_data.to_dict()
            headers.append(headers_item)

        status: int | None
        status = self.status

        body_base64 = self.body_base64

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "body": body,
                "body_bytes": body_bytes,
                "headers": headers,
                "status": status,
            }
        )
        if body_base64 is not UNSET:
            field_dict["body_base64"] = body_base64

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from ..models.header import Header

        d = dict(src_dict)
        body = d.pop("body")

        body_bytes = d.pop("body_bytes")

        headers = []
        _headers = d.pop("headers")
        for headers_item_data in _headers:
            headers_item = Header.from_dict(headers_item_data)

            headers.append(headers_item)

        def _parse_status(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        status = _parse_status(d.pop("status"))

        body_base64 = d.pop("body_base64", UNSET)

        answer = cls(
            body=body,
            body_bytes=body_bytes,
            headers=headers,
            status=status,
            body_base64=body_base64,
        )

        answer.additional_properties = d
        return answer

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
