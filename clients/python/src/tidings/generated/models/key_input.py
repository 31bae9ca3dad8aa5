from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define

from ..models.key_input_scope import KeyInputScope, check_key_input_scope
from ..types import UNSET, Unset

T = TypeVar("T", bound="KeyInput")


@_attrs_define
class KeyInput:
    """A key to make.

    Attributes:
        scope (KeyInputScope): `operator`, `producer`, `administrator`, `viewer`.
        description (str | Unset): At most 200 characters. Example: Reporting.
        expires_at (datetime.datetime | Unset): When it ends (RFC 3339); left out, never.
        organization_id (int | Unset): For administrators and viewers: whose.
    """

    scope: KeyInputScope
    description: str | Unset = UNSET
    expires_at: datetime.datetime | Unset = UNSET
    organization_id: int | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        scope: str = self.scope

        description = self.description

        expires_at: str | Unset = UNSET
        if not isinstance(self.expires_at, Unset):
            expires_at = self.expires_at.isoformat()

        organization_id = self.organization_id

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "scope": scope,
            }
        )
        if description is not UNSET:
            field_dict["description"] = description
        if expires_at is not UNSET:
            field_dict["expires_at"] = expires_at
        if organization_id is not UNSET:
            field_dict["organization_id"] = organization_id

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        scope = check_key_input_scope(d.pop("scope"))

        description = d.pop("description", UNSET)

        _expires_at = d.pop("expires_at", UNSET)
        expires_at: datetime.datetime | Unset
        if isinstance(_expires_at, Unset):
            expires_at = UNSET
        else:
            expires_at = datetime.datetime.fromisoformat(_expires_at)

        organization_id = d.pop("organization_id", UNSET)

        key_input = cls(
            scope=scope,
            description=description,
            expires_at=expires_at,
            organization_id=organization_id,
        )

        return key_input
