from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="Timing")


@_attrs_define
class Timing:
    """How an attempt's time was spent, in milliseconds; parts that did not happen are left out.

    Attributes:
        total_ms (float):
        connect_ms (float | Unset):
        dns_ms (float | Unset):
        first_byte_ms (float | Unset):
        tls_ms (float | Unset):
    """

    total_ms: float
    connect_ms: float | Unset = UNSET
    dns_ms: float | Unset = UNSET
    first_byte_ms: float | Unset = UNSET
    tls_ms: float | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        total_ms = self.total_ms

        connect_ms = self.connect_ms

        dns_ms = self.dns_ms

        first_byte_ms = self.first_byte_ms

        tls_ms = self.tls_ms

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "total_ms": total_ms,
            }
        )
        if connect_ms is not UNSET:
            field_dict["connect_ms"] = connect_ms
        if dns_ms is not UNSET:
            field_dict["dns_ms"] = dns_ms
        if first_byte_ms is not UNSET:
            field_dict["first_byte_ms"] = first_byte_ms
        if tls_ms is not UNSET:
            field_dict["tls_ms"] = tls_ms

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        total_ms = d.pop("total_ms")

        connect_ms = d.pop("connect_ms", UNSET)

        dns_ms = d.pop("dns_ms", UNSET)

        first_byte_ms = d.pop("first_byte_ms", UNSET)

        tls_ms = d.pop("tls_ms", UNSET)

        timing = cls(
            total_ms=total_ms,
            connect_ms=connect_ms,
            dns_ms=dns_ms,
            first_byte_ms=first_byte_ms,
            tls_ms=tls_ms,
        )

        timing.additional_properties = d
        return timing

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
