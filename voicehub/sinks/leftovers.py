"""What dead processes of this host left in the spool: whose it is, and how it goes."""

import time
from pathlib import Path

from voicehub.errors import StorageError
from voicehub.sinks.manifest import folder_name
from voicehub.sinks.spool import MANIFEST, Spool
from voicehub.storage.recording_keys import session_of

# A folder without a manifest is being made or removed, or whoever did so was killed: then nobody
# has touched it for this long.
DEBRIS_AGE_S = 3600.0


def folder_of(spool: Spool, key_stem: str) -> Path:
    return spool.folder / folder_name(key_stem)


def left_by_session(spool: Spool) -> dict[int, list[Path]]:
    """The folders that no living process holds, by session. Runs on the spool's thread."""
    found: dict[int, list[Path]] = {}
    for manifest in spool.leftovers():
        named = session_of(manifest.parent.name.replace("_", "/"))
        if named is not None:
            found.setdefault(named[1], []).append(manifest.parent)
    return found


def debris(spool: Spool, now_s: float | None = None) -> list[Path]:
    """Folders without a manifest that nobody works on. Runs on the spool's thread."""
    made_before = (time.time() if now_s is None else now_s) - DEBRIS_AGE_S
    found = []
    for folder in spool.folder.glob(f"{folder_name('recordings/')}*/"):
        try:
            touched_s = folder.stat().st_mtime
        except FileNotFoundError:
            continue  # its recording was finished a moment ago
        if touched_s < made_before and not (folder / MANIFEST).exists():
            found.append(folder)
    return found


def remove(spool: Spool, folder: Path) -> bool:
    """Delete the folder, unless a process has just taken it up. Runs on the spool's thread."""
    try:
        file = spool.adopt(folder)
    except StorageError:
        return False
    file.remove()
    return True
