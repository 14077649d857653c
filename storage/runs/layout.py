"""plan.json: what a run is about to do, fixed before it begins."""

import json
from collections.abc import Mapping
from typing import Any

from storage.runs.workspace import RunPaths


def encoded(layout: Mapping[str, Any]) -> bytes:
    """What a run's plan.json holds."""
    return json.dumps(layout, indent=2).encode()


def read_plan(paths: RunPaths) -> dict[str, Any]:
    """What a run's plan.json holds."""
    content: dict[str, Any] = json.loads(paths.plan.read_bytes())
    return content
