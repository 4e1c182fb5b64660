"""A nameless file in the spool's folder, to put a recording's bytes together in; a kill leaves
nothing of it.
"""

import os
import tempfile
from types import TracebackType
from typing import Self

from voicehub.errors import StorageError
from voicehub.sinks.container import Patch
from voicehub.sinks.spool import Spool


class Scratch:
    """`async with Scratch(spool) as scratch:`. Its bytes count as the spool's; SpoolFullError when
    it has no room for them.
    """

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._descriptor = -1
        self.size = 0

    async def __aenter__(self) -> Self:
        await self._spool.run(self._open)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._spool.run(self._close)

    @property
    def descriptor(self) -> int:
        """For readers that are done before this is left."""
        return self._descriptor

    async def append(self, content: bytes) -> None:
        await self._spool.run(lambda: self._append(content))

    async def read_end(self, size_max: int) -> bytes:
        size = min(size_max, self.size)
        return await self._spool.run(lambda: os.pread(self._descriptor, size, self.size - size))

    async def mend(self, size: int, patches: tuple[Patch, ...]) -> None:
        """Cut it to `size` and write `patches` over it."""
        await self._spool.run(lambda: self._mend(size, patches))

    def _open(self) -> None:
        try:
            with tempfile.TemporaryFile(dir=self._spool.folder) as file:
                self._descriptor = os.dup(file.fileno())
        except OSError as error:
            raise StorageError(f"The spool folder cannot be used: {error.strerror}.") from error

    def _close(self) -> None:
        os.close(self._descriptor)
        self._descriptor = -1
        self._spool.bytes_used -= self.size
        self.size = 0

    def _append(self, content: bytes) -> None:
        self._spool.reserve(len(content))
        written = 0
        try:
            while written < len(content):
                written += os.pwrite(self._descriptor, content[written:], self.size + written)
        except OSError as error:
            self._spool.bytes_used -= len(content)
            raise StorageError(f"The spool cannot be written: {error.strerror}.") from error
        self.size += len(content)

    def _mend(self, size: int, patches: tuple[Patch, ...]) -> None:
        os.truncate(self._descriptor, size)
        self._spool.bytes_used -= self.size - size
        self.size = size
        for patch in patches:
            os.pwrite(self._descriptor, patch.content, patch.offset)
