"""A stand-in for the part of Google Cloud Storage's XML API that the project uses.

No emulator of that API can be installed. This server enforces the rules that a client can break. Every request carries
the token. Each write gives an object a new generation. x-goog-if-generation-match refuses with 412. A missing bucket is
404. All parts except the last have at least 5 MiB. See https://cloud.google.com/storage/docs/xml-api/overview.
"""

import contextlib
import hashlib
import itertools
import re
import threading
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

BUCKET, TOKEN = "eigenwave", "canary-token"
LEAST_PART = 5 * 2**20
PAGE = 1000


class Objects:
    """What the bucket holds: content, generation and time of each object, and uploads that are under way."""

    def __init__(self):
        self.lock = threading.RLock()
        self.found, self.uploads = {}, {}
        self.numbers = itertools.count(1_700_000_000_000_000)

    def put(self, key, content, wanted=None):
        """Generation of the object that is now there; None if another than the wanted one was (0: none)."""
        with self.lock:
            now = self.found[key][1] if key in self.found else 0
            if wanted is not None and int(wanted) != now:
                return None
            self.found[key] = content, next(self.numbers), formatdate(usegmt=True)
            return self.found[key][1]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize, disable_nagle_algorithm = -1, True  # an answer in one packet, at once

    def log_message(self, *_):
        pass

    def answer(self, status, content=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def fail(self, status, code):
        self.answer(status, f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode())

    def described(self, key):
        content, generation, modified = self.server.objects.found[key]
        tag = f'"{hashlib.md5(content).hexdigest()}"'  # noqa: S324 - what the API gives
        return {"ETag": tag, "x_goog_generation": generation, "Last_Modified": modified}

    def handle_request(self):
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path, query = urlsplit(self.path).path, urlsplit(self.path).query
        bucket, _, key = unquote(path.lstrip("/")).partition("/")
        words = {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.fail(401, "AuthenticationRequired")
        elif bucket != BUCKET:
            self.fail(404, "NoSuchBucket")
        else:
            with self.server.objects.lock:
                getattr(self, f"{'list' if not key else self.command.lower()}_objects")(key, words, content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_request  # noqa: N815 - the base class calls them so

    def list_objects(self, _, words, __):
        prefix, delimiter = words.get("prefix", ""), words.get("delimiter")
        after = words.get("continuation-token", words.get("start-after", ""))
        keys = sorted(key for key in self.server.objects.found if key.startswith(prefix))
        names = dict.fromkeys(self.grouped(key, prefix, delimiter) for key in keys)
        page = [name for name in names if name > after][: int(words.get("max-keys", PAGE))]
        rest = bool(page) and page[-1] != list(names)[-1]
        entries = "".join(
            f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>"
            if name not in self.server.objects.found
            else self.entry(name)
            for name in page
        )
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if rest else ""
        self.answer(200, f"<ListBucketResult>{token}{entries}</ListBucketResult>".encode())

    @staticmethod
    def grouped(key, prefix, delimiter):
        head, found, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
        return f"{prefix}{head}{delimiter}" if found else key

    def entry(self, key):
        size = len(self.server.objects.found[key][0])
        tag, modified = self.described(key)["ETag"], "2026-01-01T00:00:00.000Z"
        fields = f"<Size>{size}</Size><LastModified>{modified}</LastModified><ETag>{escape(tag)}</ETag>"
        return f"<Contents><Key>{escape(key)}</Key>{fields}</Contents>"

    def get_objects(self, key, *_):
        if key not in self.server.objects.found:
            self.fail(404, "NoSuchKey")
            return
        whole = self.server.objects.found[key][0]
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not asked:
            self.answer(200, whole, **self.described(key))
            return
        start, stop = int(asked[1]), min(int(asked[2] or len(whole)) + 1, len(whole))
        if start >= len(whole):
            self.fail(416, "InvalidRange")
            return
        span = f"bytes {start}-{stop - 1}/{len(whole)}"
        self.answer(206, whole[start:stop], Content_Range=span, **self.described(key))

    def head_objects(self, key, *_):
        if key not in self.server.objects.found:
            self.fail(404, "NoSuchKey")
            return
        size = len(self.server.objects.found[key][0])
        self.answer(200, Content_Length=size, **self.described(key))

    def put_objects(self, key, words, content):
        objects, source = self.server.objects, unquote(self.headers.get("x-goog-copy-source", ""))
        if "uploadId" in words:
            objects.uploads[words["uploadId"]][int(words["partNumber"])] = content
            self.answer(200, ETag=f'"{hashlib.md5(content).hexdigest()}"')  # noqa: S324
            return
        if source and source.partition("/")[2] not in objects.found:
            self.fail(404, "NoSuchKey")
            return
        content = objects.found[source.partition("/")[2]][0] if source else content
        if objects.put(key, content, self.headers.get("x-goog-if-generation-match")) is None:
            self.fail(412, "PreconditionFailed")
            return
        self.answer(200, b"<CopyObjectResult/>" if source else b"", **self.described(key))

    def post_objects(self, key, words, _):
        objects = self.server.objects
        if "uploads" in words:
            number = str(next(objects.numbers))
            objects.uploads[number] = {}
            result = f"<InitiateMultipartUploadResult><UploadId>{number}</UploadId></InitiateMultipartUploadResult>"
            self.answer(200, result.encode())
            return
        parts = [content for _, content in sorted(objects.uploads.pop(words["uploadId"]).items())]
        if any(len(part) < LEAST_PART for part in parts[:-1]):
            self.fail(400, "EntityTooSmall")
            return
        objects.put(key, b"".join(parts))
        tag = escape(self.described(key)["ETag"])
        result = f"<CompleteMultipartUploadResult><ETag>{tag}</ETag></CompleteMultipartUploadResult>"
        self.answer(200, result.encode(), **self.described(key))

    def delete_objects(self, key, words, _):
        objects = self.server.objects
        found = objects.uploads.pop(words["uploadId"], None) if "uploadId" in words else objects.found.pop(key, None)
        self.answer(204) if found is not None else self.fail(404, "NoSuchKey")


@contextlib.contextmanager
def gcs():
    """A bucket, as the URL of it and the environment it is reached with."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.objects = Objects()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield (
            f"gs://{BUCKET}",
            {
                "GOOGLE_BASE_URL": f"http://127.0.0.1:{server.server_port}",
                "GOOGLE_BEARER_TOKEN": TOKEN,
            },
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
