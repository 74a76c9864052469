"""The application behind hypercorn: what the other servers of the table do by configuration."""

import gzip
import os
import pathlib

FILES = os.environ["FILES"]
MODIFIED = b"Wed, 01 Jan 2025 00:00:00 GMT"


async def read(receive):
    body = []
    while True:
        message = await receive()
        body.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(body)


async def application(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    path, asked = scope["path"], dict(scope["headers"])
    has_trailers = "http.response.trailers" in scope.get("extensions", {})
    headers, status = [(b"last-modified", MODIFIED)], 200
    posted = await read(receive)
    if path == "/none":
        status, body = 204, b""
    elif path.startswith("/echo/"):
        body = posted
    elif path == "/headers":
        headers += [(b"x-part-%d" % number, b"v" * 3072) for number in range(10)]
        body = b"headers"
    elif asked.get(b"if-modified-since") == MODIFIED:
        status, body = 304, b""
    else:
        body = pathlib.Path(FILES, path.removeprefix("/gzip/").lstrip("/")).read_bytes()
        if path.startswith("/gzip/"):
            headers.append((b"content-encoding", b"gzip"))
            body = gzip.compress(body, 1)
    if status == 200:
        headers.append((b"content-length", b"%d" % len(body)))
    if scope["method"] == "HEAD":
        body = b""
    with_trailers = has_trailers and bool(body)
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": headers,
            "trailers": with_trailers,
        }
    )
    await send({"type": "http.response.body", "body": body})
    if with_trailers:
        await send({"type": "http.response.trailers", "headers": [(b"x-sum", b"7")]})
