"""Object stores to test on: moto's S3 server, and Azure's emulator Azurite if it is installed."""

import base64
import contextlib
import hashlib
import hmac
import shutil
import subprocess
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import boto3
import obstore
import pytest
from moto.server import ThreadedMotoServer

AZURITE = Path(__file__).parent.parent / ".node" / "node_modules" / ".bin" / "azurite-blob"
# The emulator's only account; its key is published in its documentation.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@contextlib.contextmanager
def s3():
    """A bucket, as the URL of it and the environment it is reached with."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        url = "http://{}:{}".format(*server.get_host_and_port())
        environment = {
            "AWS_ENDPOINT_URL": url,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "canary-key-id",
            "AWS_SECRET_ACCESS_KEY": "canary-secret-key",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        client = boto3.client(
            "s3",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="canary-key-id",
            aws_secret_access_key="canary-secret-key",  # noqa: S106 - moto takes any
        )
        client.create_bucket(Bucket="eigenwave")
        client.close()
        yield "s3://eigenwave", environment
    finally:
        server.stop()


@contextlib.contextmanager
def azure():
    """A container of the emulator, as the URL of it and the environment it is reached with."""
    program = shutil.which("azurite-blob") or (str(AZURITE) if AZURITE.exists() else None)
    if program is None:
        pytest.skip("Azurite is not installed: npm install --prefix .node azurite")
    options = ("--blobHost", "127.0.0.1", "--blobPort", "0", "--inMemoryPersistence", "--skipApiVersionCheck")
    command = [program, *options, "--disableTelemetry", "--silent"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        line = next(line for line in server.stdout if "successfully listens on" in line)
        url = line.rsplit(" ", 1)[1].strip().rstrip("/")
        _create_container(url, "eigenwave")
        yield "az://eigenwave", {"AZURE_STORAGE_USE_EMULATOR": "true", "AZURITE_BLOB_STORAGE_URL": url}
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


def _create_container(url, name):
    now = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    signed = (
        f"PUT{12 * chr(10)}x-ms-date:{now}\nx-ms-version:2021-08-06\n/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
    )
    signature = base64.b64encode(hmac.new(base64.b64decode(KEY), signed.encode(), hashlib.sha256).digest()).decode()
    headers = {"x-ms-date": now, "x-ms-version": "2021-08-06", "Authorization": f"SharedKey {ACCOUNT}:{signature}"}
    request = urllib.request.Request(  # noqa: S310
        f"{url}/{ACCOUNT}/{name}?restype=container", method="PUT", headers=headers
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        assert answer.status == 201


def upload(folder, url):
    """Put the files of a folder into a bucket."""
    store = obstore.store.from_url(url)
    for path in folder.rglob("*"):
        if path.is_file():
            obstore.put(store, path.relative_to(folder).as_posix(), path.read_bytes())
