"""Read images that a list names by web address, only from allowed hosts and without redirects to other hosts."""

import errno
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import islice
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import (
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    Request,
    build_opener,
)

from storage.datasets.access import require_address, require_host, require_size
from storage.datasets.files import unreadable
from storage.errors import BadImageError
from storage.setting_groups import Access

AT_ONCE = 32  # concurrent requests
TIMEOUT = 60  # seconds
TRIES = 3
SERVER_ERROR = 500
UNQUOTED = "%/:=&?~#+!$,;'@()*[]"


class _Checked(HTTPHandler, HTTPSHandler):
    """Sends a request only if the address that the connection reached is allowed.

    A name server may give another address than when the host was checked. Behind a proxy, the proxy chooses the
    address.
    """

    def __init__(self, access: Access) -> None:
        HTTPSHandler.__init__(self)
        self._access = access

    def do_open(self, http_class: Any, req: Request, **options: Any) -> Any:  # noqa: ANN401 - as urllib has it
        access = self._access

        class Connection(http_class):  # type: ignore[misc]
            """Checks the address before anything is sent."""

            def connect(self) -> None:
                super().connect()
                require_address(self.host, self.sock.getpeername()[0], access)

        return super().do_open(http_class if req.has_proxy() else Connection, req, **options)


class _SameHost(HTTPRedirectHandler):
    """Follows a redirect to the same host only."""

    def redirect_request(self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Request | None:  # noqa: ANN401, PLR0913, PLR0917
        new = urlsplit(newurl)
        if new.scheme not in {"http", "https"} or new.netloc != urlsplit(req.full_url).netloc:
            raise PermissionError(errno.EACCES, f"it redirects to another address, {new.scheme}://{new.netloc}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@lru_cache(maxsize=4)
def _opener(access: Access) -> OpenerDirector:
    return build_opener(_SameHost, _Checked(access))


def read_web(addresses: Iterable[str], access: Access) -> Iterator[bytes | BadImageError]:
    """Read the content of each address with concurrent requests, or give the reason why it cannot be read."""
    waiting = iter(addresses)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while some := list(islice(waiting, AT_ONCE)):
            yield from pool.map(lambda address: _read(address, access), some)


def _read(address: str, access: Access) -> bytes | BadImageError:
    try:
        require_host(address, access)
        return _tried(address, access)
    except HTTPError as error:
        error.close()
        return BadImageError("unreadable", f"the server answered {error.code} {error.reason}")
    except URLError as error:
        return BadImageError("unreadable", str(getattr(error.reason, "strerror", None) or error.reason))
    except OSError as error:
        return unreadable(error)


def _tried(address: str, access: Access) -> bytes:
    for tried in range(1, TRIES):
        try:
            return _received(address, access)
        except HTTPError as error:
            if error.code < SERVER_ERROR:
                raise
            error.close()
            time.sleep(tried)
    return _received(address, access)


def _received(address: str, access: Access) -> bytes:
    with _opener(access).open(quote(address, safe=UNQUOTED), timeout=TIMEOUT) as answer:
        stated = answer.length
        require_size(stated or 0, access)
        content: bytes = answer.read(int(access.max_image_bytes) + 1)
    require_size(len(content), access)
    if stated is not None and len(content) < stated:
        raise OSError(errno.EIO, f"the answer ended after {len(content)} of {stated} bytes")
    return content
