"""Find the earlier run of the same dataset, to use its patterns or rows, or to compare with it."""

from storage.errors import DamagedError, InputError
from storage.runs.layout import Layout, read_layout
from storage.runs.series import Series, series_of
from storage.runs.workspace import RunPaths, Workspace
from storage.settings import Settings


def find_warm_start(workspace: Workspace, settings: Settings, layout: Layout) -> str | None:
    """Return the folder of the run whose patterns the decomposition starts from, or None.

    By default a run starts from the last comparable run only if that had other images. On the same images it starts
    from a sample of the images, so that its result has the same bits as before.

    Parameters
    ----------
    workspace, settings
        Workspace and settings of the new run.
    layout
        Layout of the new run, with source, plan, and digest of its samples.

    Raises
    ------
    InputError
        If the settings name a run that does not exist or has other coefficients.
    """
    if layout.plan.solver != "krylov" or settings.decomposition.warm_start == "none":
        return None
    if settings.decomposition.warm_start != "auto":
        named = workspace.find(settings.decomposition.warm_start)
        if not _comparable(named, settings, layout):
            raise InputError(
                f"The run {named.run_id} has other coefficients (wavelet, bands, size or resizing) than this run "
                "would; leave --warm-start out."
            )
        return str(named.folder)
    paths = last_of_source(workspace, settings, layout)
    changed = paths is not None and read_layout(paths).samples != layout.samples
    return str(paths.folder) if paths is not None and changed else None


def last_of_source(
    workspace: Workspace, settings: Settings, layout: Layout, *, centred_alike: bool = False
) -> RunPaths | None:
    """Return the last finished run of the same source with coefficients of the same kind, or None."""
    for paths in reversed(workspace.runs()):
        comparable = paths.manifest.exists() and _comparable(paths, settings, layout, centred_alike=centred_alike)
        if comparable and read_layout(paths).source == layout.source:
            return paths
    return None


def _comparable(paths: RunPaths, settings: Settings, layout: Layout, *, centred_alike: bool = False) -> bool:
    try:
        earlier = series_of(paths)
    except DamagedError:
        return False
    own = Series.of(settings, layout)
    return earlier.kind == own.kind and (earlier.centred == own.centred or not centred_alike)
