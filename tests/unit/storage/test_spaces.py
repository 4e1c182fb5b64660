import pytest

from voicehub.errors import StorageError
from voicehub.storage import spaces as spaces_module
from voicehub.storage.spaces import DIGEST_INLINE_BYTES_MAX, Spaces


def _spaces(endpoint: str) -> Spaces:
    return Spaces(endpoint=endpoint, region="nyc3", bucket="talks", key="key", secret="secret")


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000/talks/a/b%20c.flac"),
        ("http://127.0.0.1:9000/", "http://127.0.0.1:9000/talks/a/b%20c.flac"),
        (
            "https://nyc3.digitaloceanspaces.com",
            "https://talks.nyc3.digitaloceanspaces.com/a/b%20c.flac",
        ),
        ("nyc3.digitaloceanspaces.com", "https://talks.nyc3.digitaloceanspaces.com/a/b%20c.flac"),
        (
            "https://talks.nyc3.digitaloceanspaces.com",
            "https://talks.nyc3.digitaloceanspaces.com/a/b%20c.flac",
        ),
    ],
)
def test_an_address_is_where_the_store_serves_it(endpoint: str, address: str) -> None:
    assert _spaces(endpoint).address("a/b c.flac") == address


async def test_a_signed_url_is_made_without_a_request() -> None:
    async with _spaces("https://nyc3.digitaloceanspaces.com") as spaces:
        url = await spaces.signed_url("a/b.flac", 60)
    assert url.startswith("https://talks.nyc3.digitaloceanspaces.com/a/b.flac?")
    assert "X-Amz-Expires=60" in url
    assert "secret" not in url


async def test_over_https_no_request_carries_checksum_framing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(spaces_module, "BACKOFF_S", 0.0)
    sent: list[dict[str, str]] = []

    def catch(request, **_):
        if request.method != "GET":  # the probe, whether the store is back
            sent.append({key.lower(): str(value) for key, value in request.headers.items()})
        raise ConnectionError

    async with _spaces("https://nyc3.digitaloceanspaces.com") as spaces:
        spaces._client.meta.events.register("before-send.s3", catch)
        for request in (
            lambda: spaces.put("x", bytes(DIGEST_INLINE_BYTES_MAX), "audio/flac"),
            lambda: spaces.upload_part("x", "upload", 1, b"content"),
            lambda: spaces.delete(["x"]),
        ):
            with pytest.raises(StorageError):
                await request()
    assert len(sent) == 3 * spaces_module.ATTEMPTS_MAX
    for headers in sent:
        assert "content-md5" in headers
        assert "x-amz-trailer" not in headers
        assert "aws-chunked" not in headers.get("content-encoding", "")
        assert "STREAMING" not in headers["x-amz-content-sha256"]


async def test_an_unreachable_store_is_a_storage_error(unused_tcp_port: int, monkeypatch) -> None:
    monkeypatch.setattr(spaces_module, "BACKOFF_S", 0.0)
    async with _spaces(f"http://127.0.0.1:{unused_tcp_port}") as spaces:
        with pytest.raises(StorageError) as raised:
            await spaces.ping()
        assert raised.value.retryable
        with pytest.raises(StorageError):
            await spaces.put("x", b"", "audio/flac")
