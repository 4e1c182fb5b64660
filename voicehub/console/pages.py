"""Serves the console: its files, as they lie in `static/`, from memory, under a strict policy."""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from aiohttp import web

FOLDER = Path(__file__).parent / "static"
# Files that others may see change within a minute of a deploy: what the browser has is asked about
# each time, and answered by 304.
_CACHE = "no-cache"
_COMPRESSED_BYTES_MIN = 256  # below, gzip only adds to it
_TYPES = {".js": "text/javascript", ".svg": "image/svg+xml", ".md": "text/markdown"}


@dataclass(frozen=True, slots=True)
class _File:
    content_type: str
    plain: bytes
    zipped: bytes | None
    tag: str


def add_console(app: web.Application, media_origins: list[str]) -> None:
    """Serve the page at `/` and its files below `/console/`.

    `media_origins` are where signed URLs of recordings point.
    """
    files = {path.relative_to(FOLDER).as_posix(): _read(path) for path in _paths()}
    policy = _policy(media_origins)

    async def show(request: web.Request) -> web.Response:
        found = files.get(request.match_info.get("path", "index.html"))
        if found is None:
            raise web.HTTPNotFound
        return _answer(request, found, policy)

    app.router.add_get("/", show)
    app.router.add_get("/console/{path:.+}", show)


def _paths() -> list[Path]:
    return [path for path in sorted(FOLDER.rglob("*")) if path.is_file()]


def _read(path: Path) -> _File:
    plain = path.read_bytes()
    content_type = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "text/plain"
    zipped = gzip.compress(plain, mtime=0) if len(plain) >= _COMPRESSED_BYTES_MIN else None
    return _File(content_type, plain, zipped, hashlib.sha256(plain).hexdigest()[:20])


def _answer(request: web.Request, found: _File, policy: str) -> web.Response:
    known = request.if_none_match or ()
    headers = {
        "Cache-Control": _CACHE,
        "Content-Security-Policy": policy,
        "Vary": "Accept-Encoding",
        # The microphone is this page's alone; nothing else of the device is asked for.
        "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    }
    if any(each.value in {"*", found.tag} for each in known):
        answer = web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    elif found.zipped is not None and "gzip" in request.headers.get("Accept-Encoding", ""):
        headers["Content-Encoding"] = "gzip"
        answer = web.Response(body=found.zipped, headers=headers)
    else:
        answer = web.Response(body=found.plain, headers=headers)
    answer.etag = found.tag
    if answer.status == HTTPStatus.OK:
        answer.content_type = found.content_type
        answer.charset = "utf-8"
    return answer


def _policy(media_origins: list[str]) -> str:
    """No inline script or style, nothing of another host but recordings to be heard."""
    media = " ".join(["'self'", *media_origins])
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "connect-src 'self'",
            f"media-src {media}",
            "worker-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
