"""Imports point one way (ARCHITECTURE.md): a folder imports what stands beside it here, no more."""

import ast

BASE = {"errors"}
# What may import what inside voicehub. A top-level module stands here by its own name.
ARROWS: dict[str, set[str]] = {
    "errors": set(),
    "ids": set(),
    "tasks": set(),
    "promptly": set(),
    "egress": set(),
    "signature": set(),
    "remotes": set(),
    "settings": {"remotes"},
    "realtime": {"audio"},
    "audio": set(),
    "session": {"realtime", "audio"},
    "telemetry": {"tasks"},
    "storage": {"session", "realtime", "tasks", "telemetry"},
    "engines": {"realtime", "audio", "tasks", "ids", "promptly"},
    "sinks": {"storage", "session", "realtime", "audio", "tasks", "telemetry"},
    "auth": {"storage", "tasks"},
    "live": {
        *("session", "engines", "sinks", "storage", "auth", "realtime", "audio", "tasks"),
        *("ids", "keys", "settings", "remotes", "promptly", "egress", "signature", "telemetry"),
    },
    "logs": set(),
    "serving": {"settings", "tasks"},
    "rest": {
        *("storage", "auth", "session", "realtime", "live", "sinks", "settings", "keys", "egress"),
    },
    "console": set(),
    "jobs": {"storage", "sinks", "session", "tasks", "egress", "signature", "telemetry"},
    "doctor": {"storage", "auth", "engines", "session", "settings"},
    "devstack": {"storage", "settings", "tasks"},
    "client": {"realtime", "audio", "tasks"},
    "talk": {"client", "audio", "engines"},
}
# The composition root and what starts it may import everything.
IMPORTS_ALL = {"", "app", "keys", "cli", "devserver", "server", "__main__"}

SANS_IO_FOLDERS = {"realtime", "audio", "session"}
# The offline engine's own core is sans-IO too.
SANS_IO_MODULES = {
    f"voicehub.engines.local.{name}"
    for name in (
        *("agent", "caller", "conversation", "effects", "events", "fields", "hearing"),
        *("item_list", "items", "latency", "prompts", "reply", "response", "response_options"),
        *("session_config", "shared", "transcription", "transcripts", "turns", "utterance"),
    )
} | {
    f"voicehub.engines.upstream.{name}"
    for name in (
        *("account", "fault", "in_flight", "mirror", "pending", "relay", "retelling"),
        *("server_events", "session_config"),
    )
}
# No waiting, no network, no clock, no randomness, no logging, no client library.
NOT_SANS_IO = {
    *("asyncio", "concurrent", "selectors", "signal", "socket", "ssl", "subprocess", "threading"),
    *("time", "random", "secrets", "uuid", "logging", "structlog", "os", "io", "pathlib"),
    *("aiohttp", "asyncpg", "redis", "aioboto3", "aiobotocore", "boto3", "botocore", "requests"),
    *("soundfile", "onnxruntime"),
}
CLOCK_READINGS = {"now", "utcnow", "today"}


def test_every_folder_imports_along_the_arrows(modules):
    against = []
    for module in modules:
        if module.folder in IMPORTS_ALL:
            continue
        allowed = ARROWS.get(module.folder, set()) | BASE | {module.folder}
        against += [
            f"{module.place}:{line} imports {name}"
            for name, line in module.imports
            if name.startswith("voicehub.") and name.split(".")[1] not in allowed
        ]
    assert not against, "\n".join(against)


def test_every_folder_has_its_arrows(modules):
    assert {module.folder for module in modules} - IMPORTS_ALL <= set(ARROWS)


def test_the_arrows_have_no_circle():
    left = {folder: targets | BASE - {folder} for folder, targets in ARROWS.items()}
    while ready := {folder for folder, targets in left.items() if not targets & set(left)}:
        left = {folder: targets for folder, targets in left.items() if folder not in ready}
    assert not left


def test_the_core_imports_no_io(modules):
    against = [
        f"{module.place}:{line} imports {name}"
        for module in modules
        if _is_sans_io(module)
        for name, line in module.imports
        if name.split(".")[0] in NOT_SANS_IO
    ]
    assert not against, "\n".join(against)


def test_the_core_reads_no_clock(modules):
    against = [
        f"{module.place}:{node.lineno}"
        for module in modules
        if _is_sans_io(module)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute)
        and node.attr in CLOCK_READINGS
        and isinstance(node.value, ast.Name)
        and node.value.id in {"datetime", "date"}
    ]
    assert not against, "\n".join(against)


def _is_sans_io(module):
    return module.folder in SANS_IO_FOLDERS or module.dotted in SANS_IO_MODULES
