from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Self, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="Secrets")


@_attrs_define
class Secrets:
    """The secrets in force.

    Attributes:
        older_secret (None | str): The older one, which signs `vomo-signature` until the switch is confirmed or the
            overlap ends.
        overlap_until (datetime.datetime | None): When the overlap ends.
        secret (str): The newest; first in `webhook-signature`.
    """

    older_secret: None | str
    overlap_until: datetime.datetime | None
    secret: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        older_secret: None | str
        older_secret = self.older_secret

        overlap_until: None | str
        if isinstance(self.overlap_until, datetime.datetime):
            overlap_until = self.overlap_until.isoformat()
        else:
            overlap_until = self.overlap_until

        secret = self.secret

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "older_secret": older_secret,
                "overlap_until": overlap_until,
                "secret": secret,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)

        def _parse_older_secret(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        older_secret = _parse_older_secret(d.pop("older_secret"))

        def _parse_overlap_until(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                overlap_until_type_0 = datetime.datetime.fromisoformat(data)

                return overlap_until_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        overlap_until = _parse_overlap_until(d.pop("overlap_until"))

        secret = d.pop("secret")

        secrets = cls(
            older_secret=older_secret,
            overlap_until=overlap_until,
            secret=secret,
        )

        secrets.additional_properties = d
        return secrets

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
