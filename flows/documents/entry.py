"""What all documents share, and rows of tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_before_validator_function

Count = Annotated[int, Field(ge=0)]


def _open(schema: dict[str, Any]) -> None:
    """Allow further entries in the schema: a later version of eigenwave may print more."""
    schema.pop("additionalProperties", None)


class Entry(BaseModel):
    """A part of a document."""

    model_config = ConfigDict(
        extra="forbid",
        validate_by_name=True,
        validate_by_alias=True,
        json_schema_extra=_open,
        json_schema_serialization_defaults_required=True,
    )


class Document(Entry):
    """What a command prints with `--json`.

    Each document has the fields `command` and `version`. Raise the version if you rename or remove an entry, or change
    its meaning.
    """


@dataclass(frozen=True)
class Row:
    """Annotates a dictionary as a row of a table, whose columns its JSON schema lists.

    A row of a run of an earlier version has null in columns that it lacks.

    Attributes
    ----------
    table
        Schema of the table.
    """

    table: pa.Schema

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        return no_info_before_validator_function(self._whole, handler(source))

    def __get_pydantic_json_schema__(self, _: CoreSchema, __: GetJsonSchemaHandler) -> dict[str, Any]:
        columns = {
            field.name: {
                "type": [_json_type(field.type), "null"],
                **({"items": {"type": [_json_type(field.type.value_type), "null"]}} if _is_list(field.type) else {}),
                "description": field.metadata[b"description"].decode(),
            }
            for field in self.table
        }
        return {"type": "object", "properties": columns, "required": list(columns)}

    def _whole(self, row: Mapping[str, Any]) -> dict[str, Any]:
        return dict.fromkeys(self.table.names) | dict(row)


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind))


def _json_type(kind: pa.DataType) -> str:
    if pa.types.is_dictionary(kind):
        return _json_type(kind.value_type)
    if pa.types.is_floating(kind):
        return "number"
    if pa.types.is_integer(kind):
        return "integer"
    if pa.types.is_boolean(kind):
        return "boolean"
    return "array" if _is_list(kind) else "string"
