"""The API's own description: `/v1/openapi.json` for programs and `/docs` for people."""

import hashlib
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aiohttp import web
from pydantic import ConfigDict

from voicehub.errors import NotFoundError
from voicehub.keys import API_DOCUMENT
from voicehub.rest import etag
from voicehub.rest.fields import Shown
from voicehub.rest.operation import operation

STATIC = Path(__file__).parent / "static"
# Swagger UI's own files, as its package has them, and the two that are ours.
FILES = {
    "docs.css": "text/css",
    "docs.js": "text/javascript",
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
}
_PAGE = "docs.html"
# Nothing but our own files, and no script or style in the page itself. Swagger UI's style sheet
# has its icons in `data:` addresses.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class ApiDocument(Shown):
    """An OpenAPI document."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "openapi": "3.1.0",
                    "paths": {},
                    "components": {},
                }
            ]
        }
    )

    openapi: str
    paths: dict[str, Any]  # what stands in both is OpenAPI's own, and open
    components: dict[str, Any]


@operation("Describe the API", answers=ApiDocument, is_tagged=True)
async def show(request: web.Request) -> web.Response:
    """This document, in OpenAPI 3.1."""
    document = request.app[API_DOCUMENT]
    tag = hashlib.sha256(document).hexdigest()[:32]
    if etag.is_known(request, tag):
        answer = web.Response(status=HTTPStatus.NOT_MODIFIED)
    else:
        answer = web.Response(body=document, content_type="application/json")
    answer.etag = tag
    return answer


@operation("Show the API's page", media=("text/html",), is_tagged=True)
async def page(_: web.Request) -> web.FileResponse:
    """For people: every operation, with what it takes and answers."""
    return _file(_PAGE, "text/html")


@operation(
    "Show a file of the API's page", media=tuple(sorted(set(FILES.values()))), is_tagged=True
)
async def file(request: web.Request) -> web.FileResponse:
    name = request.match_info["file"]
    if name not in FILES:
        raise NotFoundError("There is no such file.")
    return _file(name, FILES[name])


def _file(name: str, media: str) -> web.FileResponse:
    headers = {
        "Content-Type": f"{media}; charset=utf-8",
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        # Asked for again each time, and answered with 304 while it is the same.
        "Cache-Control": "no-cache",
    }
    return web.FileResponse(STATIC / name, headers=headers)
