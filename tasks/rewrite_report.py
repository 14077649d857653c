"""The report of a finished run once more, such as by a newer version of eigenwave."""

from storage.files import digest_of
from storage.manifest import write_manifest
from storage.run import Run
from storage.store import StorePath
from storage.workspace import RunPaths
from tasks.write_report import write_report


def rewrite_report(paths: RunPaths) -> StorePath:
    """Write the report and its figures again, and their digests into the manifest if they have changed.

    The same version gives the same bytes, and then the manifest stays as it is. If this is interrupted in between, the
    manifest names files that differ: doing it again mends that.
    """
    run = Run(paths)
    written = {path.relative_to(paths.folder): digest_of(path) for path in write_report(run)}
    files = run.manifest.files | written
    if files != run.manifest.files:
        manifest = run.manifest.model_copy(update={"files": files})
        write_manifest(paths.manifest_copy, manifest)
        write_manifest(paths.manifest, manifest)
    return paths.report
