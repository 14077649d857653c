"""The explorer of a run, served by a thread of the test."""

import threading
from contextlib import contextmanager
from urllib.parse import urlsplit

from flows.explorer.server import Explorer, serve


@contextmanager
def serving(run):
    server, address = serve(Explorer(run))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield urlsplit(address)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
