"""Spaces (or any S3): objects and multipart uploads, with a deadline and a bounded retry around
every request.

The only module that imports the S3 client. Importing that client takes about a second, so `open`
does it in a thread.
"""

import asyncio
import io
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Self
from urllib.parse import quote, urlsplit

from aiohttp import ClientError

from voicehub.errors import StorageError
from voicehub.storage.outage import Outage
from voicehub.storage.spaces_client import (
    DIGEST_INLINE_BYTES_MAX,
    SpacesRefusedError,
    add_content_md5,
    as_storage_error,
    check_listed,
    content_digest,
    load_client,
    load_route,
)
from voicehub.storage.spaces_put import AnsweredError, Putter, Signer
from voicehub.telemetry.telemetry import Telemetry

# One attempt of a small request; then it counts as failed and may be tried again.
REQUEST_DEADLINE_S = 10.0
TRANSFER_BYTES_PER_S_MIN = 256 << 10  # a body lengthens its deadline by this rate
COMPLETE_DEADLINE_S = 60.0  # a store may write the whole object anew
PING_DEADLINE_S = 3.0
ATTEMPTS_MAX = 3  # then the last failure is raised
BACKOFF_S = 0.2  # doubled each time, and spread, so that a recovering store is not hit at once
KEYS_PER_DELETE = 1000  # S3's own limit
GET_BYTES_MAX = 16 << 20  # more is refused: recordings are read in ranges or by signed URL

# Hosts that serve a bucket under its own name; others (the embedded one, Ceph) get it in the path.
_VIRTUAL_HOSTS = (".digitaloceanspaces.com", ".amazonaws.com")


@dataclass(frozen=True, slots=True)
class StoredObject:
    key: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class OpenUpload:
    key: str
    upload_id: str
    begun_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredPart:
    number: int
    etag: str
    size_bytes: int


Content = (
    bytes | io.RawIOBase
)  # a reader is sent from its first byte, in small steps, and stays open


class Spaces:
    """One bucket. Every method may be cancelled; what was asked may then have happened or not."""

    def __init__(
        self,
        *,
        endpoint: str,
        region: str,
        bucket: str,
        key: str,
        secret: str,
        telemetry: Telemetry | None = None,
    ) -> None:
        self.bucket = bucket
        self._region = region
        self._key = key
        self._secret = secret
        url = urlsplit(endpoint if "://" in endpoint else f"https://{endpoint}")
        # Spaces' console also shows the address with the bucket in front.
        host = url.netloc.removeprefix(f"{bucket}.")
        self._is_virtual = host.partition(":")[0].endswith(_VIRTUAL_HOSTS)
        self._endpoint = f"{url.scheme}://{host}"
        self._base = (
            f"{url.scheme}://{bucket}.{host}" if self._is_virtual else f"{self._endpoint}/{bucket}"
        )
        self._stack = AsyncExitStack()
        self._client: Any = None  # Any: the S3 client builds its methods at run time
        self._failures: tuple[type[Exception], ...] = (OSError, TimeoutError)
        self._putter: Putter
        self._telemetry = telemetry or Telemetry()
        self.outage = Outage("spaces", self.ping, telemetry=self._telemetry)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Make the client; no request is sent."""
        session, config, failures = await asyncio.to_thread(
            load_client, self._region, self._key, self._secret, is_virtual=self._is_virtual
        )
        route = await asyncio.to_thread(load_route, self._base)
        self._failures = (*failures, AnsweredError, ClientError)
        self._putter = Putter(self._base, Signer(self._region, self._key, self._secret), route)
        self._stack.push_async_callback(self._putter.close)
        self._client = await self._stack.enter_async_context(
            session.client("s3", endpoint_url=self._endpoint, config=config)
        )
        self._client.meta.events.register("before-sign.s3.DeleteObjects", add_content_md5)

    async def close(self) -> None:
        await self.outage.aclose()
        await self._stack.aclose()

    async def put(self, key: str, content: Content, content_type: str) -> None:
        if isinstance(content, bytes) and len(content) < DIGEST_INLINE_BYTES_MAX:
            await self._ask(
                f"put {key}",
                lambda: self._put_small(key, content, content_type),
                deadline_s=_deadline_s(len(content)),
            )
        else:
            await self._put_large(key, content, content_type)

    async def create_upload(self, key: str, content_type: str) -> str:
        """A lost answer leaves an orphan upload; `list_uploads` shows it."""
        answer = await self._ask(
            f"create an upload of {key}",
            lambda: self._client.create_multipart_upload(
                Bucket=self.bucket, Key=key, ContentType=content_type
            ),
        )
        return str(answer["UploadId"])

    async def upload_part(self, key: str, upload_id: str, number: int, content: Content) -> str:
        """The part's ETag. A part uploaded again replaces the former."""
        answer = await self._send(
            f"upload part {number} of {key}",
            "upload_part",
            content,
            Key=key,
            UploadId=upload_id,
            PartNumber=number,
        )
        return str(answer["ETag"])

    async def complete_upload(
        self, key: str, upload_id: str, parts: Sequence[tuple[int, str]], size_bytes: int
    ) -> None:
        """Join `parts` (number, ETag). Safe to repeat: after any failure the object itself is asked
        for, since stores answer a second completion with 200, 404 or 500, and a first one may
        succeed without an answer.
        """
        listed = [{"PartNumber": number, "ETag": etag} for number, etag in parts]
        for attempt in range(ATTEMPTS_MAX):
            try:
                await self._ask(
                    f"complete the upload of {key}",
                    lambda: self._client.complete_multipart_upload(
                        Bucket=self.bucket,
                        Key=key,
                        UploadId=upload_id,
                        MultipartUpload={"Parts": listed},
                    ),
                    deadline_s=COMPLETE_DEADLINE_S,
                    attempts=1,
                )
            except StorageError as failure:
                found = await self.head(key)
                if found is not None and found.size_bytes == size_bytes:
                    return
                if not failure.retryable or attempt + 1 == ATTEMPTS_MAX:
                    raise
                await _back_off(attempt)
            else:
                return

    async def abort_upload(self, key: str, upload_id: str) -> None:
        """Drop an upload and its parts; nothing happens when it is gone."""
        try:
            await self._ask(
                f"abort the upload of {key}",
                lambda: self._client.abort_multipart_upload(
                    Bucket=self.bucket, Key=key, UploadId=upload_id
                ),
            )
        except SpacesRefusedError as refusal:
            if not refusal.is_gone:
                raise

    async def list_uploads(self, prefix: str) -> list[OpenUpload]:
        found: list[OpenUpload] = []
        markers: dict[str, str] = {}
        while True:
            page = await self._list_page("list_multipart_uploads", Prefix=prefix, **markers)
            found += [
                OpenUpload(entry["Key"], entry["UploadId"], entry.get("Initiated"))
                for entry in page.get("Uploads", ())
                if entry["Key"].startswith(prefix)  # a store may list them all
            ]
            check_listed(found)
            if not page.get("IsTruncated"):
                return found
            markers = {
                "KeyMarker": page["NextKeyMarker"],
                "UploadIdMarker": page["NextUploadIdMarker"],
            }

    async def list_parts(self, key: str, upload_id: str) -> list[StoredPart] | None:
        """The parts stored so far, or None when the upload is gone."""
        found: list[StoredPart] = []
        marker: dict[str, int] = {}
        while True:
            try:
                page = await self._list_page("list_parts", Key=key, UploadId=upload_id, **marker)
            except SpacesRefusedError as refusal:
                if refusal.is_gone:
                    return None
                raise
            found += [
                StoredPart(entry["PartNumber"], entry["ETag"], entry["Size"])
                for entry in page.get("Parts", ())
            ]
            if not page.get("IsTruncated"):
                return found
            marker = {"PartNumberMarker": page["NextPartNumberMarker"]}

    async def list_objects(self, prefix: str) -> list[StoredObject]:
        found: list[StoredObject] = []
        token: dict[str, str] = {}
        while True:
            page = await self._list_page("list_objects_v2", Prefix=prefix, **token)
            found += [
                StoredObject(entry["Key"], entry["Size"]) for entry in page.get("Contents", ())
            ]
            check_listed(found)
            if not page.get("IsTruncated"):
                return found
            token = {"ContinuationToken": page["NextContinuationToken"]}

    async def head(self, key: str) -> StoredObject | None:
        """The object's size, or None when there is no such object."""
        try:
            answer = await self._ask(
                f"head {key}", lambda: self._client.head_object(Bucket=self.bucket, Key=key)
            )
        except SpacesRefusedError as refusal:
            if refusal.is_gone:
                return None
            raise
        return StoredObject(key, answer["ContentLength"])

    async def get(self, key: str, byte_range: tuple[int, int] | None = None) -> bytes:
        """The object, or its bytes from the first up to and without the last of `byte_range`."""
        wanted = (
            {} if byte_range is None else {"Range": f"bytes={byte_range[0]}-{byte_range[1] - 1}"}
        )

        async def read() -> bytes:
            answer = await self._client.get_object(Bucket=self.bucket, Key=key, **wanted)
            async with answer["Body"] as body:
                if answer["ContentLength"] > GET_BYTES_MAX:
                    raise StorageError(f"{key} is larger than {GET_BYTES_MAX} bytes.")
                return bytes(await body.read())

        content: bytes = await self._ask(f"get {key}", read, deadline_s=_deadline_s(GET_BYTES_MAX))
        return content

    async def delete(self, keys: Iterable[str]) -> None:
        """Delete; a key that is not there counts as deleted."""
        pending = list(keys)
        for start in range(0, len(pending), KEYS_PER_DELETE):
            batch = [{"Key": key} for key in pending[start : start + KEYS_PER_DELETE]]
            request = partial(
                self._client.delete_objects,
                Bucket=self.bucket,
                Delete={"Objects": batch, "Quiet": True},
            )
            answer = await self._ask(f"delete {len(batch)} objects", request)
            if errors := answer.get("Errors"):
                raise StorageError(f"Spaces kept {errors[0]['Key']}: {errors[0].get('Code')}.")

    async def signed_url(self, key: str, expires_s: int, saved_as: str | None = None) -> str:
        """A URL that reads the object until then; no request is sent. `saved_as`: as a download."""
        named = {"ResponseContentDisposition": f'attachment; filename="{saved_as}"'}
        params = {"Bucket": self.bucket, "Key": key} | (named if saved_as else {})
        url: str = await self._client.generate_presigned_url("get_object", params, expires_s)
        return url

    def address(self, key: str) -> str:
        """The object's plain URL, for `data.audio_url`; reading it takes a signature."""
        return f"{self._base}/{quote(key)}"

    async def create_bucket(self) -> None:
        """Make the bucket where it is missing (the embedded store and tests; Spaces has it made by
        its owner).
        """
        try:
            await self._ask(
                f"create bucket {self.bucket}",
                lambda: self._client.create_bucket(Bucket=self.bucket),
            )
        except SpacesRefusedError as refusal:
            if refusal.reason not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
                raise

    async def ping(self) -> None:
        """One request that shows whether the bucket can be reached with our key. A listing: the
        answer to a HEAD has no body, so it could not say what is wrong.
        """
        await self._ask(
            f"reach bucket {self.bucket}",
            lambda: self._client.list_objects_v2(Bucket=self.bucket, MaxKeys=1),
            deadline_s=PING_DEADLINE_S,
            attempts=1,
        )

    async def _put_small(self, key: str, content: bytes, content_type: str) -> None:
        """Each session's tails come this way, two every three seconds."""
        try:
            await self._putter.put(key, content, content_type)
        except AnsweredError as error:
            if not error.is_elsewhere:
                raise
            await self._put_large(key, content, content_type)

    async def _put_large(self, key: str, content: Content, content_type: str) -> None:
        await self._send(f"put {key}", "put_object", content, Key=key, ContentType=content_type)

    # Any: the client's answers are dictionaries whose shape the S3 API gives.
    async def _list_page(self, operation: str, **arguments: Any) -> Any:
        return await self._ask(
            f"{operation.replace('_', ' ')} under {arguments.get('Prefix', arguments.get('Key'))}",
            lambda: getattr(self._client, operation)(Bucket=self.bucket, **arguments),
        )

    async def _send(self, what: str, operation: str, content: Content, **arguments: Any) -> Any:
        reader = io.BytesIO(content) if isinstance(content, bytes) else content
        size_bytes = reader.seek(0, io.SEEK_END)
        digest = await content_digest(reader, size_bytes)

        async def request() -> Any:
            reader.seek(0)
            return await getattr(self._client, operation)(
                Bucket=self.bucket, Body=reader, ContentMD5=digest, **arguments
            )

        return await self._ask(what, request, deadline_s=_deadline_s(size_bytes))

    async def _ask(
        self,
        what: str,
        request: Callable[[], Awaitable[Any]],
        *,
        deadline_s: float = REQUEST_DEADLINE_S,
        attempts: int = ATTEMPTS_MAX,
    ) -> Any:
        assert self._client is not None, "Spaces is used before open()"
        # The verb alone: the rest is a key.
        with self._telemetry.store_operation("spaces", what.partition(" ")[0]):
            for attempt in range(attempts):
                try:
                    # The client's own read timeout does not run while it waits for `100-continue`.
                    async with asyncio.timeout(deadline_s):
                        return await request()
                except self._failures as error:
                    failure = as_storage_error(what, error)
                    if failure.retryable:
                        self.outage.suspect()
                    if not failure.retryable or attempt + 1 == attempts:
                        raise failure from error
                await _back_off(attempt)
        raise AssertionError("at least one attempt is made")


def _deadline_s(size_bytes: int) -> float:
    return REQUEST_DEADLINE_S + size_bytes / TRANSFER_BYTES_PER_S_MIN


async def _back_off(attempt: int) -> None:
    delay_s = BACKOFF_S * 2.0**attempt
    await asyncio.sleep(random.uniform(delay_s / 2, delay_s))  # noqa: S311  # spreads retries, guards nothing
