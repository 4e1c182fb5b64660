import pytest

from voicehub.errors import StorageError
from voicehub.sinks.manifest import Manifest
from voicehub.sinks.parts import Cut, Part

MANIFEST = Manifest(
    key_stem="recordings/team-7/session-42-3",
    container="flac",
    cut=Cut("upload", (Part(1, 0, 5 << 20, 2, '"etag"'),)),
    is_ended=True,
    samples=12,
)


def test_a_manifest_survives_its_file() -> None:
    assert Manifest.from_json(MANIFEST.as_json()) == MANIFEST


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"version":1}', b'{"version":1,"cut":{"parts":[1]}}', b'{"version":2}'],
)
def test_what_is_no_manifest_is_refused(content: bytes) -> None:
    with pytest.raises(StorageError):
        Manifest.from_json(content)
