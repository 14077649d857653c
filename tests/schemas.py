"""The JSON schemas of the documents that commands print with --json.

    python -m tests.schemas

writes docs/schemas/COMMAND.json again.
"""

import importlib
import json
import pkgutil
from typing import get_args

from flows import documents
from flows.documents.entry import Document
from tests.structure import ROOT

FOLDER = ROOT / "docs" / "schemas"
DRAFT = "https://json-schema.org/draft/2020-12/schema"


def models():
    """The document of each command, by the command's name."""
    for module in pkgutil.iter_modules(documents.__path__):
        importlib.import_module(f"{documents.__name__}.{module.name}")
    return {get_args(each.model_fields["command"].annotation)[0]: each for each in Document.__subclasses__()}


def schemas():
    """The text of each schema, by the command's name."""
    return {command: _text(command, model) for command, model in sorted(models().items())}


def _text(command, model):
    title = {"$schema": DRAFT, "title": f"What eigenwave {command} --json prints"}
    content = model.model_json_schema(mode="serialization") | title
    return json.dumps(title | content, indent=2) + "\n"


def checked(command, text):
    """The document in what a command printed, after it was held against the schema in docs."""
    import jsonschema  # noqa: PLC0415 - only for tests

    found = json.loads(text, parse_constant=_refuse)
    jsonschema.validate(found, json.loads((FOLDER / f"{command}.json").read_text()))
    return found


def _refuse(constant):
    raise ValueError(f"{constant} is no JSON")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in schemas().items():
        (FOLDER / f"{name}.json").write_text(text)
