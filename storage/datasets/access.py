"""Limits on what a dataset can make this machine read: its own folder, no other hosts, no images that are too large.

Lists, archives and manifests come from elsewhere, so their paths and addresses are not trusted. Links in a local folder
are trusted, since its owner placed them.
"""

import errno
import ipaddress
import os
import socket
import stat
from urllib.parse import urlsplit

from storage.setting_groups import Access

DEFAULT = Access()
ANY_HOST = "*"
KINDS = {stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket", stat.S_IFDIR: "a folder"}


def path_in(folder: str, path: str, access: Access) -> str:
    """Absolute path of a file that is named relative to a folder, or absolutely.

    Raises
    ------
    PermissionError
        If the file is neither below the folder nor below `access.root`.
    """
    if not path.startswith("/") and ".." not in path:
        return f"{folder}/{path}" if path else folder
    found = os.path.abspath(path if path.startswith("/") else f"{folder}/{path}")  # noqa: PTH100 - links are kept
    bases = [os.path.abspath(base).rstrip("/") for base in (folder, access.root) if base]  # noqa: PTH100
    if any(f"{found}/".startswith(f"{base}/") for base in bases):
        return found
    raise PermissionError(errno.EACCES, "it lies outside the dataset; pass --root with a folder that holds it", path)


def require_size(size: int, access: Access) -> None:
    """Refuse an image before its bytes are read.

    Raises
    ------
    OSError
        If the image has more bytes than allowed.
    """
    if size > access.max_image_bytes:
        raise OSError(errno.EFBIG, f"{size:,} bytes, more than --max-image-bytes {int(access.max_image_bytes):,}")


def require_host(address: str, access: Access) -> None:
    """Refuse a web address that a list names, unless its host is allowed.

    Raises
    ------
    PermissionError
        If the host is not allowed, or is private and not allowed by its name.
    """
    host = urlsplit(address).hostname or ""
    if host in access.allow_host:
        return
    if ANY_HOST not in access.allow_host:
        problem = f"the list names the host {host}; pass --allow-host {host} to read from it"
        raise PermissionError(errno.EACCES, problem)
    for found in _addresses(host):
        require_address(host, found, access)


def require_address(host: str, found: str, access: Access) -> None:
    """Refuse a host that has an address of this machine or of a private network, unless it is allowed by its name.

    Parameters
    ----------
    host, found
        Name of the host in the list, and its address.
    access
        Which hosts are allowed.

    Raises
    ------
    PermissionError
        If it is refused.
    """
    if host not in access.allow_host and not ipaddress.ip_address(found.split("%", maxsplit=1)[0]).is_global:
        problem = f"the host {host} is in a private network; pass --allow-host {host} to read from it"
        raise PermissionError(errno.EACCES, problem)


def open_regular(path: str) -> int:
    """Open a regular file for reading, without waiting for the other end of a pipe.

    Returns
    -------
    int
        Its descriptor.

    Raises
    ------
    OSError
        If it cannot be opened, or is a pipe, a socket, a device or a folder.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        require_regular(os.fstat(descriptor), path)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def require_regular(status: os.stat_result, path: str) -> None:
    """Refuse anything except a regular file.

    Raises
    ------
    OSError
        If the path is something else, which the message names.
    """
    if not stat.S_ISREG(status.st_mode):
        kind = KINDS.get(stat.S_IFMT(status.st_mode), "a device")
        raise OSError(errno.EINVAL, f"it is {kind}, not a file", path)


def _addresses(host: str) -> set[str]:
    """Addresses of a host; none if its name cannot be looked up."""
    try:
        return {str(entry[4][0]) for entry in socket.getaddrinfo(host, None)}
    except OSError:
        return set()  # reading from it reports the error
