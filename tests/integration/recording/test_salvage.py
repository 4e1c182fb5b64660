import io

import numpy as np
import pytest
import soundfile

from voicehub.sinks.container import CONTAINERS
from voicehub.sinks.parts import PART_BYTES_MIN
from voicehub.sinks.salvage import RecordingBrokenError, fetch, finished_samples, look
from voicehub.sinks.scratch import Scratch
from voicehub.sinks.summary import recording_stem

STEM = recording_stem(7, 42, 1)
OTHER = recording_stem(7, 42, 10)


def growing(container: str, samples: np.ndarray) -> bytes:
    """What an owner has given out of `samples` when it dies."""
    encoder = CONTAINERS[container]()
    return b"".join(encoder.encode(block) for block in np.array_split(samples, 20))


async def put_tails(spaces, stem, *tails):
    for start, content in tails:
        await spaces.put(f"{stem}.tail/{start:015d}", content, "application/octet-stream")


async def put_upload(spaces, key, *parts):
    upload_id = await spaces.create_upload(key, "audio/flac")
    for number, part in enumerate(parts, 1):
        await spaces.upload_part(key, upload_id, number, part)


async def looked(spaces, stem=STEM):
    return await look(stem, await spaces.list_objects(""), await spaces.list_uploads(""), spaces)


async def fetched(spaces, spool):
    """The samples that are found, read as anybody would read the file."""
    async with Scratch(spool) as scratch:
        samples = await fetch(await looked(spaces), spaces, scratch)
        content = await scratch.read_end(scratch.size)
    found, _ = soundfile.read(io.BytesIO(content), dtype="int16")
    assert len(found) == samples
    return found


@pytest.mark.parametrize("container", ["flac", "wav"])
async def test_tails_alone_tell_their_format_and_become_a_file(studio, spaces, spool, container):
    played = studio.noise(3)
    content = growing(container, played)
    await put_tails(spaces, STEM, (0, content[:50_000]), (50_000, content[50_000:]))
    assert (await looked(spaces)).container == container
    found = await fetched(spaces, spool)
    assert len(found) >= len(played) - 4096
    assert np.array_equal(found, played[: len(found)])


async def test_parts_and_the_tails_behind_them_become_a_file(studio, spaces, spool):
    played = studio.noise(150)
    content = growing("flac", played)
    parts = content[:PART_BYTES_MIN], content[PART_BYTES_MIN : 2 * PART_BYTES_MIN]
    await put_upload(spaces, f"{STEM}.flac")  # the answer to its creation was lost
    await put_upload(spaces, f"{STEM}.flac", *parts)
    middle = 2 * PART_BYTES_MIN - 100  # a tail that a part covers in part
    await put_tails(spaces, STEM, (0, content[:100]), (middle, content[middle : middle + 90_000]))
    await put_tails(spaces, STEM, (middle + 90_000, content[middle + 90_000 :]))
    found = await fetched(spaces, spool)
    assert len(found) >= len(played) - 4096
    assert np.array_equal(found, played[: len(found)])
    # The parts are an object now, which is not taken for a finished one.
    assert await finished_samples(await looked(spaces), spaces) is None
    assert np.array_equal(await fetched(spaces, spool), found)


async def test_behind_a_missing_tail_nothing_can_be_joined(studio, spaces, spool):
    played = studio.noise(6)
    content = growing("flac", played)
    await put_tails(spaces, STEM, (0, content[:200_000]), (300_000, content[300_000:]))
    found = await fetched(spaces, spool)
    assert 1.5 * studio.rate_hz < len(found) < 2.2 * studio.rate_hz
    assert np.array_equal(found, played[: len(found)])


async def test_tails_of_another_owner_are_not_ours(studio, spaces):
    await put_tails(spaces, OTHER, (0, growing("flac", studio.noise(1))))
    assert await looked(spaces) is None
    assert (await looked(spaces, OTHER)).container == "flac"


async def test_tails_without_a_beginning_are_nothing(spaces):
    await put_tails(spaces, STEM, (10, b"the middle"))
    assert await looked(spaces) is None


async def test_tails_of_no_known_format_are_nothing(spaces):
    await put_tails(spaces, STEM, (0, b"something"))
    assert await looked(spaces) is None


async def test_a_header_without_audio_has_no_samples(studio, spaces, spool):
    await put_tails(spaces, STEM, (0, growing("flac", studio.noise(1))[:500]))
    async with Scratch(spool) as scratch:
        assert await fetch(await looked(spaces), spaces, scratch) == 0


async def test_an_end_without_any_frame_is_broken(studio, spaces, spool):
    content = growing("flac", studio.noise(3))
    await put_tails(spaces, STEM, (0, content[:50_000] + bytes(200_000)))
    async with Scratch(spool) as scratch:
        with pytest.raises(RecordingBrokenError):
            await fetch(await looked(spaces), spaces, scratch)
