"""The store here answers as a test tells it; whether a real one takes our signatures is
`tests/integration/recording/test_spaces.py`.
"""

import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from voicehub.errors import StorageError
from voicehub.storage import spaces as spaces_module
from voicehub.storage import spaces_wire
from voicehub.storage.spaces import Spaces
from voicehub.storage.spaces_client import SpacesRefusedError, load_route
from voicehub.storage.spaces_put import AnsweredError, Putter, Signer

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Store:
    """Answers each PUT by the next of `answers`, the last one for ever."""

    def __init__(self) -> None:
        self.seen: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.answers: list[tuple[int, str]] = [(200, "")]

    async def take(self, request: web.Request) -> web.Response:
        self.seen.append(request)
        self.bodies.append(await request.read())
        status, text = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return web.Response(status=status, text=text)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
async def spaces(store: Store, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Spaces]:
    monkeypatch.setattr(spaces_module, "BACKOFF_S", 0.0)
    app = web.Application()
    app.router.add_put("/{path:.*}", store.take)
    async with (
        TestServer(app) as server,
        Spaces(
            endpoint=str(server.make_url("")),
            region="nyc3",
            bucket="talks",
            key="key",
            secret="secret",
        ) as spaces,
    ):
        yield spaces


@pytest.mark.parametrize("path", ["/talks/a/b%20c.flac", "/a%2Bb/%C3%A4~.x"])
def test_a_signature_is_the_one_that_the_s3_client_makes(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {
        "host": "store.test:9000",
        "content-type": "audio/flac",
        "content-md5": "1B2M2Y8AsgTpgAmY7PhCfg==",
        "x-amz-content-sha256": hashlib.sha256(b"sound").hexdigest(),
    }
    ours = Signer("nyc3", "key", "secret", utc_now=lambda: NOON).sign(path, headers)

    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: NOON.replace(tzinfo=None))
    request = AWSRequest(
        method="PUT",
        url=f"http://store.test:9000{path}",
        data=b"sound",
        headers={"Content-Type": "audio/flac", "Content-MD5": headers["content-md5"]},
    )
    S3SigV4Auth(Credentials("key", "secret"), "s3", "nyc3").add_auth(request)
    assert ours["authorization"] == request.headers["Authorization"]
    assert ours["x-amz-date"] == request.headers["X-Amz-Date"]


def test_the_next_day_has_a_key_of_its_own() -> None:
    moments = iter([NOON, NOON.replace(day=24), NOON])
    signer = Signer("nyc3", "key", "secret", utc_now=lambda: next(moments))
    first, second, third = (
        signer.sign("/x", {"host": "h", "x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
        for _ in range(3)
    )
    assert first == third != second


def test_a_signer_shows_no_secret() -> None:
    signer = Signer("nyc3", "key", "do-not-show")
    signer.sign("/x", {"host": "h", "x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
    assert "do-not-show" not in repr(signer)


async def test_what_is_small_goes_whole_with_a_digest_and_no_framing(
    spaces: Spaces, store: Store
) -> None:
    await spaces.put("a/b c.flac", b"content", "audio/flac")
    (request,), (body,) = store.seen, store.bodies
    assert (request.raw_path, body) == ("/talks/a/b%20c.flac", b"content")
    assert request.headers["Content-Type"] == "audio/flac"
    assert request.headers["X-Amz-Content-SHA256"] == hashlib.sha256(b"content").hexdigest()
    assert request.headers["Content-Length"] == "7"
    assert "Transfer-Encoding" not in request.headers
    assert "x-amz-trailer" not in request.headers


async def test_a_store_in_trouble_is_asked_again(spaces: Spaces, store: Store) -> None:
    store.answers = [(503, "<Error><Code>SlowDown</Code></Error>"), (500, "gateway"), (200, "")]
    await spaces.put("x", b"content", "audio/flac")
    assert store.bodies == [b"content"] * 3


async def test_a_store_that_stays_in_trouble_is_a_storage_error(
    spaces: Spaces, store: Store
) -> None:
    store.answers = [(502, "<html>" + "x" * spaces_wire.ANSWER_BYTES_MAX)]
    with pytest.raises(StorageError, match="502") as raised:
        await spaces.put("x", b"content", "audio/flac")
    assert raised.value.retryable
    assert len(store.seen) == spaces_module.ATTEMPTS_MAX


async def test_a_refusal_is_final(spaces: Spaces, store: Store) -> None:
    store.answers = [(403, "<Error><Code>AccessDenied</Code></Error>")]
    with pytest.raises(SpacesRefusedError, match="AccessDenied"):
        await spaces.put("x", b"content", "audio/flac")
    assert len(store.seen) == 1


async def test_a_bucket_elsewhere_is_left_to_the_s3_client(spaces: Spaces, store: Store) -> None:
    store.answers = [(307, "<Error><Code>TemporaryRedirect</Code></Error>"), (200, "")]
    await spaces.put("x", b"content", "audio/flac")
    ours, theirs = store.seen
    assert "User-Agent" not in ours.headers
    assert "Boto" in theirs.headers["User-Agent"]
    assert store.bodies == [b"content"] * 2


@pytest.mark.parametrize(
    ("code", "status", "is_elsewhere"),
    [
        ("PermanentRedirect", 301, True),
        ("AuthorizationHeaderMalformed", 400, True),
        ("AccessDenied", 403, False),
        ("InternalError", 500, False),
    ],
)
def test_only_a_wrong_region_is_elsewhere(code: str, status: int, is_elsewhere: bool) -> None:  # noqa: FBT001 - a column
    assert AnsweredError(code, status).is_elsewhere is is_elsewhere


async def test_over_tls_the_host_is_signed_as_it_is_sent() -> None:
    base = "https://talks.nyc3.digitaloceanspaces.com:443"
    putter = Putter(base, Signer("nyc3", "key", "secret"), load_route("http://127.0.0.1"))
    assert putter._host == "talks.nyc3.digitaloceanspaces.com"
    await putter.close()
