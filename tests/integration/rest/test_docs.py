import orjson
import pytest

from voicehub.rest.docs import CONTENT_SECURITY_POLICY, FILES, STATIC
from voicehub.rest.openapi import document
from voicehub.rest.routes import ROUTES


async def test_the_document_is_open_to_all(web_client):
    async with web_client.client.get("/v1/openapi.json") as response:
        assert response.status == 200
        assert response.content_type == "application/json"
        assert orjson.loads(await response.read()) == document(ROUTES)


async def test_who_has_the_document_already_is_told_so(web_client):
    async with web_client.client.get("/v1/openapi.json") as response:
        tag = response.headers["ETag"]
    known = {"If-None-Match": tag}
    async with web_client.client.get("/v1/openapi.json", headers=known) as response:
        assert (response.status, await response.read()) == (304, b"")
        assert response.headers["ETag"] == tag


@pytest.mark.parametrize("path", ["/docs", *(f"/docs/{name}" for name in FILES)])
async def test_the_page_is_made_of_our_own_files_and_may_load_no_others(web_client, path):
    async with web_client.client.get(path) as response:
        text = await response.text()
        assert response.status == 200
        assert response.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        tag = response.headers["ETag"]
    assert text
    async with web_client.client.get(path, headers={"If-None-Match": tag}) as response:
        assert response.status == 304


async def test_no_other_file_is_served(web_client):
    for name in ("docs.html", "swagger-ui.LICENSE", "..%2Fdocs.py", "x", "%2e%2e%2fdocs.py"):
        async with web_client.client.get(f"/docs/{name}") as response:
            assert response.status == 404, name


def test_the_page_has_no_script_or_style_in_itself_and_names_no_host():
    page = (STATIC / "docs.html").read_text()
    assert "://" not in page
    assert "style=" not in page
    assert "<style" not in page
    assert page.count("<script src=") == page.count("<script")
    # `unsafe-inline` would make all of this worth little.
    assert "unsafe" not in CONTENT_SECURITY_POLICY


def test_what_is_not_ours_has_its_licence_beside_it():
    assert "Apache License" in (STATIC / "swagger-ui.LICENSE").read_text()
    assert (STATIC / "swagger-ui.NOTICE").exists()
    assert (STATIC / "swagger-ui-bundle.js.LICENSE.txt").exists()
