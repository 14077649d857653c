"""Find the run whose patterns a decomposition may start from."""

from collections.abc import Mapping
from typing import Any

from storage.errors import InputError
from storage.runs.layout import read_plan
from storage.runs.workspace import RunPaths, Workspace
from storage.settings import Settings

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
    if layout["plan"]["solver"] != "krylov" or settings.decomposition.warm_start == "none":
        return None
    if settings.decomposition.warm_start != "auto":
        named = workspace.find(settings.decomposition.warm_start)
        if not _comparable(named, settings, layout):
            raise InputError(
                f"The run {named.run_id} has other wavelets or image sizes than this one; leave --warm-start out."
            )
        return str(named.folder)
    paths = last_of_source(workspace, settings, layout)
    changed = paths is not None and read_plan(paths)["samples"] != layout["samples"]
    return str(paths.folder) if paths is not None and changed else None


def last_of_source(
    workspace: Workspace, settings: Settings, layout: Mapping[str, Any], *, centred_alike: bool = False
) -> RunPaths | None:
    """The last finished run of the same source whose coefficients are of the same kind, if there is one."""
    for paths in reversed(workspace.runs()):
        comparable = paths.manifest.exists() and _comparable(paths, settings, layout, centred_alike=centred_alike)
        if comparable and read_plan(paths)["source"] == layout["source"]:
            return paths
    return None


def _comparable(paths: RunPaths, settings: Settings, layout: Mapping[str, Any], *, centred_alike: bool = False) -> bool:
    try:
        earlier = Settings.model_validate_json(paths.settings.read_bytes())
        plan = read_plan(paths)["plan"]
    except (OSError, ValueError, KeyError):
        return False
    same_shape = all(plan.get(name) == layout["plan"][name] for name in SHAPE)
    centred = earlier.decomposition.centre == settings.decomposition.centre or not centred_alike
    return same_shape and centred and earlier.coefficients == settings.coefficients
