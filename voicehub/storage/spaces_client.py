"""Makes the S3 client that `spaces.py` uses, and says in our words why a request of it failed."""

import asyncio
import base64
import hashlib
import io
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from voicehub.errors import StorageError

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 60.0  # a silent socket; every request has a deadline of its own besides
CONNECTIONS_MAX = 64  # a request beyond it waits for a free connection within its own deadline
LISTED_MAX = 50_000  # entries of one listing; beyond it StorageError, never a list without end
DIGEST_INLINE_BYTES_MAX = 256 << 10  # half a millisecond; more is digested in a thread
_RETRYABLE_REASONS = frozenset(
    {"SlowDown", "RequestTimeout", "Throttling", "ThrottlingException", "InternalError"}
)
# A completion that is answered so may have happened: the first answer was lost, or another process
# was faster.
_GONE_REASONS = frozenset({"NoSuchUpload", "NoSuchKey", "404"})


class SpacesRefusedError(StorageError):
    """Spaces answered, and the answer was no: asking again the same way does not help."""

    code = "storage_refused"
    retryable = False

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason

    @property
    def is_gone(self) -> bool:
        """Whether the object or the upload is not there (any more)."""
        return self.reason in _GONE_REASONS


@dataclass(frozen=True, slots=True)
class Route:
    """How the S3 client reaches a store: whom it trusts, and by which proxy it goes."""

    tls: ssl.SSLContext | None
    proxy: str | None


def load_route(url: str) -> Route:
    """As the S3 client would go to `url`, so that what goes without it goes the same way. Reads
    certificates: in a thread.
    """
    from botocore.httpsession import get_cert_path  # noqa: PLC0415  # a second of import, as below
    from botocore.session import Session  # noqa: PLC0415  # the same
    from botocore.utils import get_environ_proxies  # noqa: PLC0415  # the same

    scheme = url.partition(":")[0]
    tls = None
    if scheme == "https":
        bundle = Session().get_config_variable("ca_bundle")
        tls = ssl.create_default_context(cafile=bundle or get_cert_path(True))
    return Route(tls, get_environ_proxies(url).get(scheme))


def load_client(
    region: str, key: str, secret: str, *, is_virtual: bool
) -> tuple[Any, Any, tuple[type[Exception], ...]]:
    """The slow part of making a client: imports and the API's model, over a second, in a thread."""
    import aioboto3  # noqa: PLC0415  # a second of import that must not hold up the event loop
    from aiobotocore.config import AioConfig  # noqa: PLC0415  # the same
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  # the same

    session = aioboto3.Session(
        aws_access_key_id=key, aws_secret_access_key=secret, region_name=region
    )
    # Warms the cache that making the client on the event loop reads: 0.1 s there instead of 0.4 s.
    loader = session._session.get_component("data_loader")  # noqa: SLF001  # no public way
    for model in ("service-2", "endpoint-rule-set-1", "waiters-2", "paginators-1"):
        loader.load_service_model("s3", model)
    config = AioConfig(
        signature_version="s3v4",
        s3={"addressing_style": "virtual" if is_virtual else "path"},
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        max_pool_connections=CONNECTIONS_MAX,
        retries={"total_max_attempts": 1, "mode": "standard"},  # `_ask` retries, within deadlines
        # The default sends chunk framing with a trailing checksum over https, which S3 look-alikes
        # store as content.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return session, config, (ClientError, BotoCoreError, OSError, TimeoutError)


def add_content_md5(request: Any, **_: object) -> None:
    """DeleteObjects must carry a digest: the client sends CRC32, Ceph and others insist on MD5."""
    request.headers["Content-MD5"] = content_md5(request.body)


def content_md5(content: bytes) -> str:
    return reader_md5(io.BytesIO(content))


def reader_md5(reader: io.RawIOBase | io.BytesIO) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    while chunk := reader.read(64 << 10):
        digest.update(chunk)
    return base64.b64encode(digest.digest()).decode()


def as_storage_error(what: str, error: Exception) -> StorageError:
    answer = getattr(error, "response", None)
    if not isinstance(answer, dict):
        cause = "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__
        return StorageError(f"Spaces could not {what}: {cause}.")
    reason = str(answer.get("Error", {}).get("Code", "unknown"))
    status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    message = f"Spaces refused to {what}: {reason} (HTTP {status})."
    if (
        status >= HTTPStatus.INTERNAL_SERVER_ERROR
        or status == HTTPStatus.TOO_MANY_REQUESTS
        or reason in _RETRYABLE_REASONS
    ):
        return StorageError(message)
    return SpacesRefusedError(message, reason=reason)


async def content_digest(reader: io.RawIOBase | io.BytesIO, size_bytes: int) -> str:
    """The store checks it, so bytes torn on the way are refused instead of stored."""
    reader.seek(0)
    if size_bytes < DIGEST_INLINE_BYTES_MAX:
        return reader_md5(reader)
    return await asyncio.to_thread(reader_md5, reader)


def check_listed(found: Sequence[object]) -> None:
    if len(found) > LISTED_MAX:
        raise StorageError(f"Spaces lists more than {LISTED_MAX} entries; narrow the prefix.")
