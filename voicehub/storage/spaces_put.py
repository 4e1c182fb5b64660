"""Small objects to Spaces without the S3 client, which spends 2 ms of CPU on a request: a PUT that
we sign ourselves (AWS Signature Version 4, "Authenticating Requests (Authorization Header)").
"""

import hashlib
import hmac
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
from yarl import URL

from voicehub.storage.spaces_client import CONNECT_TIMEOUT_S, CONNECTIONS_MAX, Route
from voicehub.storage.spaces_wire import ANSWER_BYTES_MAX, Wire

_CODE = re.compile(rb"<Code>([^<]{1,100})</Code>")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class AnsweredError(Exception):
    """Spaces answered with an error; `response` has the S3 client's shape."""

    def __init__(self, code: str, status: int) -> None:
        super().__init__(code)
        self.status = status
        self.response: dict[str, Any] = {
            "Error": {"Code": code},
            "ResponseMetadata": {"HTTPStatusCode": status},
        }

    @property
    def is_elsewhere(self) -> bool:
        """Whether the bucket is another region's: the S3 client knows how to follow it there."""
        return (
            HTTPStatus.MULTIPLE_CHOICES <= self.status < HTTPStatus.BAD_REQUEST
            or self.response["Error"]["Code"] == "AuthorizationHeaderMalformed"
        )


@dataclass(slots=True)
class Signer:
    """Signs for one region and key."""

    region: str
    key: str
    secret: str = field(repr=False)
    utc_now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _day: str = ""
    _day_key: bytes = field(default=b"", repr=False)

    def sign(self, path: str, headers: dict[str, str]) -> dict[str, str]:
        """The headers of a PUT of `path` (percent-encoded). All of `headers`, whose names are
        small letters, are signed, `host` among them.
        """
        moment = self.utc_now().strftime("%Y%m%dT%H%M%SZ")
        day = moment[:8]
        signed = dict(sorted({**headers, "x-amz-date": moment}.items()))
        names = ";".join(signed)
        lines = "".join(f"{name}:{value}\n" for name, value in signed.items())
        canonical = f"PUT\n{path}\n\n{lines}\n{names}\n{signed['x-amz-content-sha256']}"
        scope = f"{day}/{self.region}/s3/aws4_request"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}"
        signature = hmac.new(self._key_of(day), text.encode(), hashlib.sha256).hexdigest()
        signed["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.key}/{scope}, "
            f"SignedHeaders={names}, Signature={signature}"
        )
        return signed

    def _key_of(self, day: str) -> bytes:
        if day != self._day:
            key = f"AWS4{self.secret}".encode()
            for part in (day, self.region, "s3", "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._day, self._day_key = day, key
        return self._day_key


class Putter:
    """Connections of its own to one bucket. `put` tries once and has no deadline but that of
    connecting: both are its caller's.
    """

    def __init__(self, base: str, signer: Signer, route: Route) -> None:
        """`base` is the bucket's address."""
        url = urlsplit(base)
        port = _DEFAULT_PORTS[url.scheme]
        self._origin = f"{url.scheme}://{url.netloc}"
        self._path = url.path
        self._host = url.netloc.removesuffix(f":{port}")
        self._signer = signer
        self._proxy = route.proxy
        tls = (route.tls or ssl.create_default_context()) if url.scheme == "https" else None
        # One or the other: through a proxy, a general client goes; it costs five times as much.
        self._wire = None if route.proxy else Wire(url.hostname or "", url.port or port, tls)
        self._http = _proxy_client(route) if route.proxy else None

    async def close(self) -> None:
        if self._wire is not None:
            await self._wire.close()
        if self._http is not None:
            await self._http.close()

    async def put(self, key: str, content: bytes, content_type: str) -> None:
        """Raises AnsweredError, aiohttp.ClientError, OSError."""
        path = f"{self._path}/{quote(key)}"
        headers = self._signer.sign(
            path,
            {
                "host": self._host,
                "content-type": content_type,
                # The store checks it, so bytes torn on the way are refused instead of stored.
                "x-amz-content-sha256": hashlib.sha256(content).hexdigest(),
            },
        )
        status, body = await self._send(path, headers, content)
        if status != HTTPStatus.OK:
            found = _CODE.search(body)
            code = found[1].decode(errors="replace") if found else str(status)
            raise AnsweredError(code, status)

    async def _send(self, path: str, headers: dict[str, str], content: bytes) -> tuple[int, bytes]:
        if self._wire is not None:
            answer = await self._wire.put(path, headers, content)
            return answer.status, answer.body
        assert self._http is not None
        async with self._http.put(
            URL(f"{self._origin}{path}", encoded=True),
            data=content,
            headers=headers,
            proxy=self._proxy,
            allow_redirects=False,
        ) as proxied:
            return proxied.status, await proxied.content.read(ANSWER_BYTES_MAX)


def _proxy_client(route: Route) -> aiohttp.ClientSession:
    """As the S3 client has it, except for the time-out of reading: the caller's deadline."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX, ssl=route.tls or True),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S),
        cookie_jar=aiohttp.DummyCookieJar(),
    )
