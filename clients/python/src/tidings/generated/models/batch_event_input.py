from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from attrs import define as _attrs_define

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.batch_event_input_data import BatchEventInputData


T = TypeVar("T", bound="BatchEventInput")


@_attrs_define
class BatchEventInput:
    """An event to post.

    Attributes:
        data (BatchEventInputData): Sent byte for byte, but for white space between its tokens.
        organization_id (int): Whose event it is.
        type_ (str): The own form, as in `project.updated`. Example: project.updated.
        idempotency_key (str | Unset): In a batch only: two events with one key are one event.
        public (bool | Unset): Default false; true also reaches the other organizations.
        reference (str | Unset): The producer's own id: searchable, never sent. 1 to 255 visible ASCII characters.
            Example: order-17.
    """

    data: BatchEventInputData
    organization_id: int
    type_: str
    idempotency_key: str | Unset = UNSET
    public: bool | Unset = UNSET
    reference: str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        data = self.data.to_dict()

        organization_id = self.organization_id

        type_ = self.type_

        idempotency_key = self.idempotency_key

        public = self.public

        reference = self.reference

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "data": data,
                "organization_id": organization_id,
                "type": type_,
            }
        )
        if idempotency_key is not UNSET:
            field_dict["idempotency_key"] = idempotency_key
        if public is not UNSET:
            field_dict["public"] = public
        if reference is not UNSET:
            field_dict["reference"] = reference

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from ..models.batch_event_input_data import BatchEventInputData

        d = dict(src_dict)
        data = BatchEventInputData.from_dict(d.pop("data"))

        organization_id = d.pop("organization_id")

        type_ = d.pop("type")

        idempotency_key = d.pop("idempotency_key", UNSET)

        public = d.pop("public", UNSET)

        reference = d.pop("reference", UNSET)

        batch_event_input = cls(
            data=data,
            organization_id=organization_id,
            type_=type_,
            idempotency_key=idempotency_key,
            public=public,
            reference=reference,
        )

        return batch_event_input
