"""Looks at this machine: the spool's folder, how many files may be open, and the keys."""

import asyncio
import os
import resource
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path

from voicehub.auth.tokens import Tokens
from voicehub.doctor.finding import Finding, failed, ok, warning
from voicehub.errors import VoiceHubError
from voicehub.settings import Settings

# A socket, its share of the spool's segments and of the upstream's: five a session, for 800.
FILES_MIN = 4096
# Room for an hour of a hundred sessions while Spaces is away.
FREE_BYTES_MIN = 5 << 30


async def look_at_spool(folder: Path, bytes_max: int) -> list[Finding]:
    return await asyncio.to_thread(_look_at_folder, folder, bytes_max)


def _look_at_folder(folder: Path, bytes_max: int) -> list[Finding]:
    subject = "Spool"
    probe = folder / f".doctor-{uuid.uuid4().hex}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            probe.write_bytes(b"voicehub doctor")
        finally:
            probe.unlink(missing_ok=True)
        free_bytes = shutil.disk_usage(folder).free
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        return [
            failed(
                subject,
                f"its folder cannot be written: {reason}",
                "Let the server's user write there, or set VOICEHUB_SPOOL.",
            )
        ]
    free_gib = f"{free_bytes / (1 << 30):.1f} GiB are free"
    if free_bytes < min(FREE_BYTES_MIN, bytes_max):
        return [
            warning(subject, f"{free_gib}; it may take {bytes_max / (1 << 30):.1f}", "Make room.")
        ]
    return [ok(subject, f"its folder can be written, {free_gib}")]


async def look_at_limits() -> list[Finding]:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    subject = "Open files"
    if soft != resource.RLIM_INFINITY and soft < FILES_MIN:
        return [
            warning(
                subject,
                f"a process may have {soft} open, enough for some {soft // 5} sessions",
                f"Raise it to {FILES_MIN} (ulimit -n, or LimitNOFILE of systemd).",
            )
        ]
    return [ok(subject, f"a process may have {soft}")]


async def look_at_keys(
    settings: Settings, environment: Mapping[str, str] = os.environ
) -> list[Finding]:
    """Whether the keys that the settings name are there; never what they are."""
    found = [_signing_keys(settings)]
    for kind, named in (
        ("Engine", {name: each.key_env for name, each in settings.engines.items()}),
        ("Tool", {name: each.secret_env for name, each in settings.tools.items()}),
    ):
        for name, variable in named.items():
            if variable is None:
                continue
            if environment.get(variable):
                found.append(ok(f"{kind} {name}", f"its key is in {variable}"))
            else:
                found.append(failed(f"{kind} {name}", "it has no key", f"Set {variable}."))
    return found


def _signing_keys(settings: Settings) -> Finding:
    subject = "Signing keys"
    try:
        Tokens(settings.jwt_keys, access_token_s=60, client_secret_s=60)
    except VoiceHubError as error:
        return failed(subject, error.message, "Correct VOICEHUB_JWT_KEYS.")
    count = len(settings.jwt_keys)
    return ok(subject, f"{count}, long enough; the first signs" if count > 1 else "1, long enough")
