"""Find the earlier run of the same dataset: for its patterns, its rows, or to be compared with."""

from storage.errors import DamagedError, InputError
from storage.runs.layout import Layout, PlanRecord, read_layout
from storage.runs.workspace import RunPaths, Workspace
from storage.settings import Settings


def find_warm_start(workspace: Workspace, settings: Settings, layout: Layout) -> str | None:
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
    if layout.plan.solver != "krylov" or settings.decomposition.warm_start == "none":
        return None
    if settings.decomposition.warm_start != "auto":
        named = workspace.find(settings.decomposition.warm_start)
        if not _comparable(named, settings, layout):
            raise InputError(
                f"The run {named.run_id} has other wavelets or image sizes than this one; leave --warm-start out."
            )
        return str(named.folder)
    paths = last_of_source(workspace, settings, layout)
    changed = paths is not None and read_layout(paths).samples != layout.samples
    return str(paths.folder) if paths is not None and changed else None


def last_of_source(
    workspace: Workspace, settings: Settings, layout: Layout, *, centred_alike: bool = False
) -> RunPaths | None:
    """The last finished run of the same source whose coefficients are of the same kind, if there is one."""
    for paths in reversed(workspace.runs()):
        comparable = paths.manifest.exists() and _comparable(paths, settings, layout, centred_alike=centred_alike)
        if comparable and read_layout(paths).source == layout.source:
            return paths
    return None


def _comparable(paths: RunPaths, settings: Settings, layout: Layout, *, centred_alike: bool = False) -> bool:
    try:
        earlier = Settings.model_validate_json(paths.settings.read_bytes())
        plan = read_layout(paths).plan
    except (DamagedError, OSError, ValueError):
        return False
    centred = earlier.decomposition.centre == settings.decomposition.centre or not centred_alike
    return _shape(plan) == _shape(layout.plan) and centred and earlier.coefficients == settings.coefficients


def _shape(plan: PlanRecord) -> tuple[int, int, int, int]:
    """What must be the same for patterns to be of the same kind."""
    return plan.height, plan.width, plan.channels, plan.coefficients
