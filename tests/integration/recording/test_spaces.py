import asyncio
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from yarl import URL

from voicehub.errors import StorageError
from voicehub.storage import spaces as spaces_module
from voicehub.storage import spaces_client
from voicehub.storage.spaces import DIGEST_INLINE_BYTES_MAX, Spaces
from voicehub.storage.spaces_client import SpacesRefusedError

PART = bytes(range(256)) * (5 << 12)  # 5 MiB


async def _upload(spaces: Spaces, key: str) -> tuple[str, list[tuple[int, str]]]:
    upload_id = await spaces.create_upload(key, "audio/flac")
    first = await spaces.upload_part(key, upload_id, 1, PART)
    last = await spaces.upload_part(key, upload_id, 2, b"end")
    return upload_id, [(1, first), (2, last)]


async def test_an_object_is_put_read_in_ranges_and_deleted(spaces: Spaces) -> None:
    await spaces.ping()
    await spaces.put("a/b c.flac", b"0123456789", "audio/flac")
    assert (await spaces.head("a/b c.flac")).size_bytes == 10
    assert await spaces.get("a/b c.flac") == b"0123456789"
    assert await spaces.get("a/b c.flac", (2, 5)) == b"234"
    await spaces.delete(["a/b c.flac", "a/absent"])
    assert await spaces.head("a/b c.flac") is None
    with pytest.raises(SpacesRefusedError) as raised:
        await spaces.get("a/b c.flac")
    assert raised.value.is_gone


async def test_a_signed_url_reads_the_object_and_its_address_alone_does_not(spaces: Spaces) -> None:
    await spaces.put("a/x.flac", b"0123456789", "audio/flac")
    url = await spaces.signed_url("a/x.flac", 60)
    async with aiohttp.ClientSession() as browser:
        async with browser.get(url, headers={"Range": "bytes=3-4"}) as answer:
            assert (answer.status, await answer.read()) == (206, b"34")
            assert answer.content_type == "audio/flac"
        async with browser.get(spaces.address("a/x.flac")) as answer:
            assert answer.status == 403


async def test_a_signed_url_may_have_the_object_saved_under_a_name(spaces: Spaces) -> None:
    await spaces.put("a/x.flac", b"0123456789", "audio/flac")
    url = await spaces.signed_url("a/x.flac", 60, "session-42.flac")
    # Spaces answers with this header; the embedded store takes the parameter and says nothing.
    saved = URL(url).query["response-content-disposition"]
    assert saved == 'attachment; filename="session-42.flac"'
    async with (
        aiohttp.ClientSession() as browser,
        browser.get(URL(url, encoded=True), headers={"Range": "bytes=8-"}) as answer,
    ):
        assert (answer.status, await answer.read()) == (206, b"89")


async def test_uploads_elsewhere_are_not_listed(spaces: Spaces) -> None:
    """The embedded store lists all of them, whatever the prefix."""
    for key in ("a/1.flac", "b/1.flac"):
        await spaces.create_upload(key, "audio/flac")
    assert [upload.key for upload in await spaces.list_uploads("b/")] == ["b/1.flac"]


async def test_parts_become_one_object(spaces: Spaces) -> None:
    upload_id, parts = await _upload(spaces, "a/x.flac")
    assert [
        (part.number, part.size_bytes) for part in await spaces.list_parts("a/x.flac", upload_id)
    ] == [
        (1, len(PART)),
        (2, 3),
    ]
    assert [upload.upload_id for upload in await spaces.list_uploads("a/")] == [upload_id]
    await spaces.complete_upload("a/x.flac", upload_id, parts, len(PART) + 3)
    assert await spaces.get("a/x.flac") == PART + b"end"
    assert await spaces.list_uploads("") == []


async def test_a_completion_may_be_repeated(spaces: Spaces) -> None:
    upload_id, parts = await _upload(spaces, "x")
    for _ in range(3):
        await spaces.complete_upload("x", upload_id, parts, len(PART) + 3)


async def test_a_completion_that_lost_its_upload_is_refused(spaces: Spaces) -> None:
    upload_id, parts = await _upload(spaces, "x")
    await spaces.abort_upload("x", upload_id)
    await spaces.abort_upload("x", upload_id)
    assert await spaces.list_parts("x", upload_id) is None
    with pytest.raises(SpacesRefusedError) as raised:
        await spaces.complete_upload("x", upload_id, parts, len(PART) + 3)
    assert raised.value.is_gone


async def test_a_completion_whose_answer_is_lost_counts_as_done(
    spaces: Spaces, monkeypatch
) -> None:
    upload_id, parts = await _upload(spaces, "x")
    complete = spaces._client.complete_multipart_upload

    async def mute(**arguments):
        await complete(**arguments)
        raise ConnectionResetError

    monkeypatch.setattr(spaces._client, "complete_multipart_upload", mute)
    await spaces.complete_upload("x", upload_id, parts, len(PART) + 3)
    assert (await spaces.head("x")).size_bytes == len(PART) + 3


async def test_a_listing_goes_over_its_pages(spaces: Spaces) -> None:
    keys = [f"t/{number:04d}" for number in range(1005)]
    for start in range(0, len(keys), 40):
        await asyncio.gather(
            *(spaces.put(key, b"x", "text/plain") for key in keys[start : start + 40])
        )
    assert [entry.key for entry in await spaces.list_objects("t/")] == keys
    await spaces.delete(keys)
    assert await spaces.list_objects("t/") == []


async def test_a_listing_without_end_is_refused(spaces: Spaces, monkeypatch) -> None:
    monkeypatch.setattr(spaces_client, "LISTED_MAX", 1)
    await asyncio.gather(*(spaces.put(key, b"x", "text/plain") for key in "ab"))
    with pytest.raises(StorageError, match="more than 1"):
        await spaces.list_objects("")


async def test_an_object_too_large_to_hold_is_not_read_whole(spaces: Spaces, monkeypatch) -> None:
    monkeypatch.setattr(spaces_module, "GET_BYTES_MAX", 4)
    await spaces.put("x", b"12345", "text/plain")
    with pytest.raises(StorageError, match="larger"):
        await spaces.get("x")
    assert await spaces.get("x", (0, 4)) == b"1234"


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"key": "nobody"}, "InvalidAccessKeyId"),
        ({"secret": "wrong"}, "SignatureDoesNotMatch"),
        ({"bucket": "absent-bucket"}, "NoSuchBucket"),
    ],
)
async def test_wrong_settings_are_named_by_the_error(spaces_server, wrong, reason) -> None:
    right = {"key": "recorder-test-key", "secret": "recorder-test-secret", "bucket": "voicehub"}
    async with Spaces(
        endpoint=spaces_server.endpoint, region="us-east-1", **{**right, **wrong}
    ) as spaces:
        with pytest.raises(StorageError, match=reason) as raised:
            await spaces.put("x", b"x", "text/plain")
        assert not raised.value.retryable
        with pytest.raises(StorageError, match=reason):
            await spaces.ping()


async def test_a_wrong_clock_is_named_by_the_error(spaces: Spaces, monkeypatch) -> None:
    signer = spaces._putter._signer
    monkeypatch.setattr(signer, "utc_now", lambda: datetime.now(UTC) - timedelta(hours=1))
    with pytest.raises(StorageError, match="RequestTimeTooSkewed") as raised:
        await spaces.put("x", b"x", "text/plain")
    assert not raised.value.retryable


@pytest.mark.parametrize("size", [0, 1, DIGEST_INLINE_BYTES_MAX - 1, DIGEST_INLINE_BYTES_MAX])
async def test_every_size_arrives_whole(spaces: Spaces, size: int) -> None:
    content = bytes(range(256)) * (size // 256) + bytes(size % 256)
    await spaces.put("ä/~+ &?.flac", content, "audio/flac")
    assert await spaces.get("ä/~+ &?.flac") == content


async def test_a_silent_store_meets_the_deadline(monkeypatch) -> None:
    """A server that accepts and never answers."""
    monkeypatch.setattr(spaces_module, "REQUEST_DEADLINE_S", 0.05)
    monkeypatch.setattr(spaces_module, "BACKOFF_S", 0.0)
    accepted: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(
        lambda _reader, writer: accepted.append(writer), "127.0.0.1", 0
    )
    port = server.sockets[0].getsockname()[1]
    async with Spaces(
        endpoint=f"http://127.0.0.1:{port}", region="x", bucket="talks", key="k", secret="s"
    ) as spaces:
        with pytest.raises(StorageError, match="no answer in time"):
            await spaces.put("x", b"x", "text/plain")
    assert len(accepted) >= 1
    for writer in accepted:
        writer.close()
    server.close()
    await server.wait_closed()
