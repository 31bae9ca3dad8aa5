from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.field_problem_code import FieldProblemCode, check_field_problem_code

T = TypeVar("T", bound="FieldProblem")


@_attrs_define
class FieldProblem:
    """One thing wrong with a field or parameter.

    Attributes:
        code (FieldProblemCode): What is wrong, for programs.
        detail (str): What is wrong and what to do.
        pointer (str): An RFC 6901 pointer into the body, or the name of a query parameter.
    """

    code: FieldProblemCode
    detail: str
    pointer: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        code: str = self.code

        detail = self.detail

        pointer = self.pointer

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "code": code,
                "detail": detail,
                "pointer": pointer,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        code = check_field_problem_code(d.pop("code"))

        detail = d.pop("detail")

        pointer = d.pop("pointer")

        field_problem = cls(
            code=code,
            detail=detail,
            pointer=pointer,
        )

        field_problem.additional_properties = d
        return field_problem

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
