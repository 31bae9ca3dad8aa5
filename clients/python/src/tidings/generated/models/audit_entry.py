from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Self, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="AuditEntry")


@_attrs_define
class AuditEntry:
    """An entry of the audit log.

    Attributes:
        act (str): What was done or asked for, as in `endpoint.create`.
        actor (str): `key key_…`, `account acc_…`, `portal link lnk_…`, `server` or `anyone`.
        address (None | str):
        after (Any): How it is; of a refused act, why.
        at (datetime.datetime):
        before (Any): How it was; secrets masked.
        chain (int | None): Which chain of digests it stands in; null in entries from before there were chains.
        digest (None | str): SHA-256 of the 32 bytes of `previous` and the compact JSON array of id, at, actor,
            request_id, organization_id, act,
            subject, outcome and erasable_digest; where that is null, of id, at, actor, address, request_id,
            organization_id, act,
            subject, outcome, before and after. Object keys are sorted; 64 hex digits.
        erasable_digest (None | str): SHA-256 of the 16 bytes of `salt` and the compact JSON array of address, before
            and after, object keys sorted; 64 hex
            digits. It stays when they are erased; null in entries of older versions.
        erased (bool): Whether the erasure of its organization took address, before, after and salt out of it; the
            erasure stands on the log
            as `organization.erase`.
        id (str):
        organization_id (int | None):
        outcome (str): `done` or `refused`.
        previous (None | str): The digest of the entry before it in its chain, 64 hex digits.
        request_id (None | str):
        salt (None | str): Random bytes, 32 hex digits; gone with what an erasure takes out, so that nobody finds it by
            trying.
        subject (str): To what: an id, a type, or a method and a path.
    """

    act: str
    actor: str
    address: None | str
    after: Any
    at: datetime.datetime
    before: Any
    chain: int | None
    digest: None | str
    erasable_digest: None | str
    erased: bool
    id: str
    organization_id: int | None
    outcome: str
    previous: None | str
    request_id: None | str
    salt: None | str
    subject: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        act = self.act

        actor = self.actor

        address: None | str
        address = self.address

        after = self.after

        at = self.at.isoformat()

        before = self.before

        chain: int | None
        chain = self.chain

        digest: None | str
        digest = self.digest

        erasable_digest: None | str
        erasable_digest = self.erasable_digest

        erased = self.erased

        id = self.id

        organization_id: int | None
        organization_id = self.organization_id

        outcome = self.outcome

        previous: None | str
        previous = self.previous

        request_id: None | str
        request_id = self.request_id

        salt: None | str
        salt = self.salt

        subject = self.subject

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "act": act,
                "actor": actor,
                "address": address,
                "after": after,
                "at": at,
                "before": before,
                "chain": chain,
                "digest": digest,
                "erasable_digest": erasable_digest,
                "erased": erased,
                "id": id,
                "organization_id": organization_id,
                "outcome": outcome,
                "previous": previous,
                "request_id": request_id,
                "salt": salt,
                "subject": subject,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        act = d.pop("act")

        actor = d.pop("actor")

        def _parse_address(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        address = _parse_address(d.pop("address"))

        after = d.pop("after")

        at = datetime.datetime.fromisoformat(d.pop("at"))

        before = d.pop("before")

        def _parse_chain(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        chain = _parse_chain(d.pop("chain"))

        def _parse_digest(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        digest = _parse_digest(d.pop("digest"))

        def _parse_erasable_digest(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        erasable_digest = _parse_erasable_digest(d.pop("erasable_digest"))

        erased = d.pop("erased")

        id = d.pop("id")

        def _parse_organization_id(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        organization_id = _parse_organization_id(d.pop("organization_id"))

        outcome = d.pop("outcome")

        def _parse_previous(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        previous = _parse_previous(d.pop("previous"))

        def _parse_request_id(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        request_id = _parse_request_id(d.pop("request_id"))

        def _parse_salt(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        salt = _parse_salt(d.pop("salt"))

        subject = d.pop("subject")

        audit_entry = cls(
            act=act,
            actor=actor,
            address=address,
            after=after,
            at=at,
            before=before,
            chain=chain,
            digest=digest,
            erasable_digest=erasable_digest,
            erased=erased,
            id=id,
            organization_id=organization_id,
            outcome=outcome,
            previous=previous,
            request_id=request_id,
            salt=salt,
            subject=subject,
        )

        audit_entry.additional_properties = d
        return audit_entry

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
