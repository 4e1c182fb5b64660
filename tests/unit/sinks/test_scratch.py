import errno
import os

import pytest

from voicehub.errors import StorageError
from voicehub.sinks.container import Patch
from voicehub.sinks.scratch import Scratch
from voicehub.sinks.spool import Spool, SpoolFullError


@pytest.fixture
async def spool(tmp_path):
    async with Spool(tmp_path / "spool", bytes_max=100) as spool:
        yield spool


async def test_bytes_are_gathered_cut_and_patched(spool):
    async with Scratch(spool) as scratch:
        await scratch.append(b"hello ")
        await scratch.append(b"world, and more")
        assert await scratch.read_end(4) == b"more"
        await scratch.mend(11, (Patch(0, b"H"), Patch(6, b"W")))
        assert await scratch.read_end(1000) == b"Hello World"
        assert (scratch.size, spool.bytes_used) == (11, 11)
        assert os.fstat(scratch.descriptor).st_size == 11
    assert spool.bytes_used == 0


async def test_it_has_no_name(spool):
    async with Scratch(spool) as scratch:
        await scratch.append(b"secret")
        assert list(spool.folder.iterdir()) == []


async def test_it_takes_no_more_than_the_spool_has_room_for(spool):
    async with Scratch(spool) as scratch:
        await scratch.append(bytes(90))
        with pytest.raises(SpoolFullError):
            await scratch.append(bytes(11))
        assert (scratch.size, spool.bytes_used) == (90, 90)


async def test_a_failing_disk_is_a_storage_error(spool, monkeypatch):
    def fails(*_):
        raise OSError(errno.EIO, "broken")

    async with Scratch(spool) as scratch:
        monkeypatch.setattr(os, "pwrite", fails)
        with pytest.raises(StorageError):
            await scratch.append(b"x")
        assert spool.bytes_used == 0


async def test_a_folder_that_is_gone_is_a_storage_error(spool):
    spool.folder.rmdir()
    with pytest.raises(StorageError):
        await Scratch(spool).__aenter__()
