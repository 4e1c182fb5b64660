import re

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from voicehub.console.pages import FOLDER, add_console


@pytest.fixture
async def client():
    app = web.Application()
    add_console(app, ["https://bucket.spaces.example"])
    async with TestClient(TestServer(app), auto_decompress=False) as client:
        yield client


async def test_the_page_is_at_the_root_and_its_files_below(client):
    page = await client.get("/")
    assert (page.status, page.content_type) == (200, "text/html")
    script = await client.get("/console/main.js", headers={"Accept-Encoding": "identity"})
    assert (script.status, script.content_type) == (200, "text/javascript")
    assert await script.read() == (FOLDER / "main.js").read_bytes()


async def test_everything_that_the_page_names_is_there(client):
    text = (FOLDER / "index.html").read_text()
    for path in re.findall(r'(?:href|src)="([^"]+)"', text):
        assert (await client.get(f"/{path}")).status == 200, path


async def test_nothing_else_of_the_disk_is_served(client):
    for path in ("nothing.js", "../pages.py", "%2e%2e/pages.py", "/etc/hosts", "static/main.js"):
        assert (await client.get(f"/console/{path}")).status == 404


async def test_what_the_browser_has_is_not_sent_again(client):
    first = await client.get("/console/api.js")
    again = await client.get("/console/api.js", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, await again.read()) == (304, b"")


async def test_files_travel_compressed_where_the_browser_can(client):
    zipped = await client.get("/console/parts.js", headers={"Accept-Encoding": "gzip, br"})
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert len(await zipped.read()) < (FOLDER / "parts.js").stat().st_size / 2


async def test_the_policy_lets_nothing_in_but_our_files_and_recordings(client):
    policy = (await client.get("/")).headers["Content-Security-Policy"]
    parts = dict(part.split(" ", 1) for part in policy.split("; "))
    assert parts["default-src"] == "'none'"
    assert parts["script-src"] == parts["style-src"] == parts["connect-src"] == "'self'"
    assert parts["media-src"] == "'self' https://bucket.spaces.example"
    assert "unsafe" not in policy


def test_the_page_has_no_script_or_style_of_its_own_and_names_no_other_host():
    text = (FOLDER / "index.html").read_text()
    assert not re.search(r"<style|<script(?![^>]*src=)|\son\w+=|\sstyle=", text)
    for path in FOLDER.rglob("*.js"):
        if "vendor" not in path.parts:
            assert not re.search(r"https?://(?!\$)", path.read_text()), path
