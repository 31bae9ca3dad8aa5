from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from attrs import define as _attrs_define

if TYPE_CHECKING:
    from ..models.headers_to_compare_headers import HeadersToCompareHeaders


T = TypeVar("T", bound="HeadersToCompare")


@_attrs_define
class HeadersToCompare:
    """Values to compare.

    Attributes:
        headers (HeadersToCompareHeaders): Names and the values that are held against the endpoint's.
    """

    headers: HeadersToCompareHeaders

    def to_dict(self) -> dict[str, Any]:
        headers = self.headers.to_dict()

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "headers": headers,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from ..models.headers_to_compare_headers import HeadersToCompareHeaders

        d = dict(src_dict)
        headers = HeadersToCompareHeaders.from_dict(d.pop("headers"))

        headers_to_compare = cls(
            headers=headers,
        )

        return headers_to_compare
