from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from attrs import define as _attrs_define

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.event_input_data import EventInputData


T = TypeVar("T", bound="EventInput")


@_attrs_define
class EventInput:
    """An event to post.

    Attributes:
        data (EventInputData): Sent byte for byte, but for white space between its tokens.
        organization_id (int): Whose event it is.
        type_ (str): The own form, as in `project.updated`. Example: project.updated.
        public (bool | Unset): Default false; true also reaches the other organizations.
        reference (str | Unset): The producer's own id: searchable, never sent. 1 to 255 visible ASCII characters.
            Example: order-17.
    """

    data: EventInputData
    organization_id: int
    type_: str
    public: bool | Unset = UNSET
    reference: str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        data = self.data.to_dict()

        organization_id = self.organization_id

        type_ = self.type_

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
        if public is not UNSET:
            field_dict["public"] = public
        if reference is not UNSET:
            field_dict["reference"] = reference

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from ..models.event_input_data import EventInputData

        d = dict(src_dict)
        data = EventInputData.from_dict(d.pop("data"))

        organization_id = d.pop("organization_id")

        type_ = d.pop("type")

        public = d.pop("public", UNSET)

        reference = d.pop("reference", UNSET)

        event_input = cls(
            data=data,
            organization_id=organization_id,
            type_=type_,
            public=public,
            reference=reference,
        )

        return event_input
