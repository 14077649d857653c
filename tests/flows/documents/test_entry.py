import json
import math
from typing import Annotated, Any

import jsonschema
import pyarrow as pa
import pytest
from pydantic import ValidationError

from flows.cli.answer import Answer
from flows.cli.command import COMMANDS
from flows.documents.entry import Count, Entry, Row
from storage.tables.schemas import ASSOCIATIONS, COMPARISONS, EXPLANATIONS, TABLES
from tests.schemas import FOLDER, schemas

TABLE = pa.schema(
    pa.field(name, kind, metadata={"description": f"The {name}."})
    for name, kind in (
        ("size", pa.float32()),
        ("name", pa.dictionary(pa.int8(), pa.string())),
        ("ids", pa.list_(pa.int32())),
    )
)


class Sizes(Entry):
    sizes: list[Annotated[dict[str, Any], Row(TABLE)]]
    count: Count = 0
    mean: float | None = None


def test_the_schemas_in_the_docs_are_those_of_the_models():
    """If not, `python -m tests.schemas` writes them again."""
    assert {path.stem: path.read_text() for path in FOLDER.iterdir()} == schemas()


def test_every_command_has_a_document_with_a_version():
    made = schemas()
    assert made.keys() == COMMANDS.keys()
    for command, text in made.items():
        properties = json.loads(text)["properties"]
        assert properties["command"]["const"] == command
        assert properties["version"]["const"] >= 1
        assert {"command", "version"} <= set(json.loads(text)["required"])


def test_numbers_that_do_not_exist_are_null_and_others_are_not_rounded(capsys):
    row = {"size": math.nan, "name": None, "ids": [1, None]}
    sizes = Sizes(sizes=[row, {"size": 0.1 + 0.2}], mean=-math.inf)
    Answer(lambda: sizes, pytest.fail).give(as_json=True)
    found = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert found["sizes"] == [row | {"size": None}, {"size": 0.30000000000000004, "name": None, "ids": None}]
    assert found["mean"] is None
    jsonschema.validate(found, Sizes.model_json_schema(mode="serialization"))


@pytest.mark.parametrize(
    "row", [{"size": "1", "name": "a", "ids": []}, {"size": 1, "name": "a", "ids": ["b"]}, {"size": 1}]
)
def test_the_schema_of_a_row_refuses_other_types_and_rows_that_lack_a_column(row):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"sizes": [row], "count": 1, "mean": 1}, Sizes.model_json_schema(mode="serialization"))


def test_a_document_takes_no_entry_that_its_model_does_not_name():
    with pytest.raises(ValidationError):
        Sizes(sizes=[], more=1)
    # A later version may print more, which its readers must not stumble over.
    schema = Sizes.model_json_schema(mode="serialization")
    jsonschema.validate({"sizes": [], "count": 0, "mean": None, "more": 1}, schema)


@pytest.mark.parametrize("tables", [TABLES, COMPARISONS, ASSOCIATIONS, EXPLANATIONS])
def test_every_table_can_be_a_row(tables):
    for schema in tables.values():
        made = Row(schema).__get_pydantic_json_schema__({}, None)
        jsonschema.Draft202012Validator.check_schema(made)
        assert list(made["properties"]) == schema.names
