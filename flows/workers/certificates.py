"""Certificates of one Dask cluster: only their holders may use it.

Dask runs any code that a client sends, and every user of a machine can connect to its loopback interface. So scheduler,
workers and client prove to each other that they have the key of this cluster. The key is made for the cluster and kept
in memory. Workers get it through the pipe that starts them.
"""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from distributed import Security

from storage.errors import InputError
from storage.stores.private import write_private

TLS_FILES = ("ca.crt", "tls.crt", "tls.key")  # as Kubernetes mounts them from a secret
ROLES = ("client", "scheduler", "worker")
LIFE = timedelta(days=3650)  # longer than any cluster lives
SKEW = timedelta(days=1)  # a clock may be set back while the cluster lives


def new_security() -> Security:
    """Make a new key and a self-signed certificate for all roles of one cluster, in memory only.

    The key is of an elliptic curve (P-256), which takes .3 ms of CPU to make. Dask's own temporary RSA key takes 50 ms.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "eigenwave")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    public = certificate.public_bytes(Encoding.PEM).decode()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return _security(public, public, private, tls_min_version=ssl.TLSVersion.TLSv1_3)


def write_security(security: Security, folder: Path) -> None:
    """Write certificates as files that only this user can read, for `read_security`."""
    parts = security.get_tls_config_for_role("client")
    for name, part in zip(TLS_FILES, ("ca_file", "cert", "key"), strict=True):
        write_private(folder / name, parts[part])


def read_security(folder: Path | None) -> Security:
    """Read certificates from a folder, or without one the certificates that Dask's own configuration names.

    Raises
    ------
    InputError
        If a file is missing.
    """
    if folder is None:
        return Security()
    missing = [name for name in TLS_FILES if not (folder / name).is_file()]
    if missing:
        raise InputError(f"The folder {folder} (--tls) has no {' and no '.join(missing)}.")
    return _security(*(str(folder / name) for name in TLS_FILES))


def _security(authority: str, certificate: str, key: str, **options: ssl.TLSVersion) -> Security:
    return Security(
        require_encryption=True,
        tls_ca_file=authority,
        **{f"tls_{role}_cert": certificate for role in ROLES},
        **{f"tls_{role}_key": key for role in ROLES},
        **options,
    )
