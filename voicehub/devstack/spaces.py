"""The embedded S3 server: nanio, which verifies signatures and keeps open uploads over a crash."""

import asyncio
import contextlib
import importlib.util
import sys
from pathlib import Path
from typing import ClassVar

from voicehub.devstack.server import ANSWER_S, Server, StackError

REGION = "us-east-1"
BUCKET = "voicehub"
HTTP_VERSION = b"HTTP/1."


class SpacesServer(Server):
    title: ClassVar[str] = "Spaces (S3)"

    def __init__(self, folder: Path, *, port: int, key: str, secret: str) -> None:
        super().__init__(folder, port=port)
        self._key = key
        self._secret = secret
        self._data_folder = folder / "spaces"

    @property
    def name(self) -> str:
        return "spaces"

    @property
    def mark(self) -> str:
        return str(self._data_folder)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def prepare(self) -> None:
        if importlib.util.find_spec("nanio") is None:
            raise StackError(
                "No S3 server here: install the `dev` extra (pip install 'voicehub[dev]')."
            )
        await asyncio.to_thread(self._prepare_folder)

    def make_bucket(self, name: str) -> None:
        """Make a bucket through nanio's own storage, running or not; one that is there stays."""
        from nanio.errors import BucketAlreadyOwnedByYou  # noqa: PLC0415 - an extra that may be absent
        from nanio.storage.filesystem import FilesystemStorage  # noqa: PLC0415 - the same

        with contextlib.suppress(BucketAlreadyOwnedByYou):
            FilesystemStorage(self._data_folder).create_bucket(name)

    def _prepare_folder(self) -> None:
        self._data_folder.mkdir(mode=0o700, exist_ok=True)
        for left in self._data_folder.rglob(".tmp.*"):
            left.unlink()  # of an upload that a kill cut off; nobody reads these
        self.make_bucket(BUCKET)

    def command(self) -> list[str]:
        return [
            *(sys.executable, "-P", "-m", "nanio", "serve"),
            *("--data-dir", str(self._data_folder)),
            *("--host", "127.0.0.1", "--port", str(self.port), "--region", REGION),
            *("--log-level", "warning", "--no-access-log"),
        ]

    def environment(self) -> dict[str, str]:
        return {
            **super().environment(),
            "NANIO_ACCESS_KEY": self._key,
            "NANIO_SECRET_KEY": self._secret,
        }

    async def answers(self) -> bool:
        """Any HTTP answer will do: without a signature it is a refusal."""
        try:
            async with asyncio.timeout(ANSWER_S):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                try:
                    writer.write(b"HEAD / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                    return (await reader.read()).startswith(HTTP_VERSION)
                finally:
                    writer.close()
                    await writer.wait_closed()
        except (OSError, TimeoutError):
            return False
