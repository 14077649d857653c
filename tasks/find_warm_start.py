"""Find the run whose patterns a decomposition may start from."""

import json
from collections.abc import Mapping
from typing import Any

from storage.errors import InputError
from storage.settings import Settings
from storage.workspace import RunPaths, Workspace

# What must be the same for patterns to be of the same kind.
SHAPE = ("height", "width", "channels", "coefficients")


def find_warm_start(workspace: Workspace, settings: Settings, layout: Mapping[str, Any]) -> str | None:
    """Folder of the run to start from, or None.

    Left to itself, a run starts warm only if the last comparable run saw other images: on the same images it starts
    cold, so that it gives the same bits again.

    Parameters
    ----------
    workspace, settings
        Of the run to come.
    layout
        Its source, plan, and digest of its samples.

    Raises
    ------
    InputError
        If the settings name a run that does not exist or is of another kind.
    """
    if layout["plan"]["solver"] != "krylov" or settings.warm_start == "none":
        return None
    if settings.warm_start != "auto":
        paths = workspace.find(settings.warm_start)
        if not _comparable(paths, settings, layout):
            raise InputError(
                f"The run {paths.run_id} has other wavelets or image sizes than this one; leave --warm-start out."
            )
        return str(paths.folder)
    for paths in reversed(workspace.runs()):
        if paths.manifest.exists() and _comparable(paths, settings, layout):
            earlier = json.loads(paths.plan.read_bytes())
            if earlier["source"] == layout["source"]:
                changed = earlier["samples"] != layout["samples"]
                return str(paths.folder) if changed else None
    return None


def _comparable(paths: RunPaths, settings: Settings, layout: Mapping[str, Any]) -> bool:
    try:
        earlier = Settings.model_validate_json(paths.settings.read_bytes())
        plan = json.loads(paths.plan.read_bytes())["plan"]
    except (OSError, ValueError, KeyError):
        return False
    same_shape = all(plan.get(name) == layout["plan"][name] for name in SHAPE)
    return same_shape and earlier.transform_part() == settings.transform_part()
