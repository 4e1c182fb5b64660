"""What another process must know to finish a recording from its spool: a small JSON file beside the
bytes.
"""

from dataclasses import asdict, dataclass

import orjson

from voicehub.errors import StorageError
from voicehub.sinks.parts import Cut, Part

VERSION = 1


@dataclass(frozen=True, slots=True)
class Manifest:
    """`is_ended` says that the spool holds the whole object, header patched; else its end must be
    found first.
    """

    key_stem: str
    container: str
    cut: Cut
    is_ended: bool = False
    is_truncated: bool = False
    samples: int = 0

    def as_json(self) -> bytes:
        return orjson.dumps({"version": VERSION, **asdict(self)})

    @classmethod
    def from_json(cls, content: bytes) -> "Manifest":
        try:
            fields = orjson.loads(content)
            if fields.pop("version") != VERSION:
                raise StorageError("This recording was written by another version of VoiceHub.")
            cut = fields.pop("cut")
            parts = tuple(Part(**part) for part in cut["parts"])
            return cls(cut=Cut(cut["upload_id"], parts), **fields)
        except (orjson.JSONDecodeError, TypeError, KeyError, AttributeError) as error:
            raise StorageError("A recording's manifest cannot be read.") from error


def folder_name(key_stem: str) -> str:
    """The recording's folder in the spool."""
    return key_stem.replace("/", "_")
