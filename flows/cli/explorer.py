"""The command that opens a finished run in a browser."""

import os
import sys
import webbrowser
from collections.abc import Iterator
from typing import Annotated

from cyclopts import Parameter, validators

from flows.cli.answer import Answer
from flows.cli.terminal import say
from flows.cli.upkeep import Folder
from storage.errors import InputError
from storage.runs.workspace import DEFAULT_WORKSPACE, Workspace


def open_run(
    run: str = "latest",
    /,
    *,
    workspace: Folder = DEFAULT_WORKSPACE,
    port: Annotated[int, Parameter(validator=validators.Number(gte=0, lte=65535))] = 0,
    browser: bool = True,
) -> Iterator[Answer]:
    """Look at the images of a run in a browser: filter, sort, find neighbors, choose. Ctrl-C ends it.

    Parameters
    ----------
    run
        The run: its id, its path, or latest.
    port
        Serve at this port of this machine (127.0.0.1); 0 chooses a free one.
    browser
        Open the page in a browser. Its address is printed in any case.
    """
    from flows.documents.runs import Served  # noqa: PLC0415
    from flows.explorer.server import Explorer, serve  # noqa: PLC0415 - each command imports what it needs
    from storage.runs.run import Run  # noqa: PLC0415

    paths = Workspace(workspace).find(run)
    found = Run(paths)
    found.require_images()
    try:
        server, address = serve(Explorer(found), port)
    except OSError as error:
        raise InputError(f"Port {port} cannot be used: {error.strerror}; choose another with --port.") from None

    def text() -> None:
        say(address)
        say("The page shows this run to whoever has this address, on this machine alone. Ctrl-C ends it.")

    yield Answer(lambda: Served(run_id=paths.run_id, address=address), text)
    if browser and _has_screen():
        webbrowser.open(address)
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


def _has_screen() -> bool:
    """Whether a browser would have a window; without one, Python opens a browser in the terminal."""
    return sys.platform in {"darwin", "win32"} or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
