"""A client's program: run it, pull its cable when it asks, and read what it wrote down."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.conformance.node import SOURCES, node
from tests.conformance.site import Certificate, Line, Served

RUN_S_MAX = 120.0
CLIENTS = ("openai_python.py", "openai_ws.mjs", "openai_browser.mjs", "agents_realtime.mjs")

Pcm = npt.NDArray[np.int16]
Event = dict[str, Any]


@dataclass(frozen=True)
class Item:
    """What an agent's item sounded like, and how much of it was heard."""

    id: str
    pcm: Pcm
    heard_samples: int
    is_cut: bool

    @property
    def heard(self) -> Pcm:
        return self.pcm[: self.heard_samples]


@dataclass(frozen=True)
class Report:
    """What the client saw: its own words on it, and those of its process."""

    returncode: int
    said: str
    sessions: list[list[Event]]
    items: dict[str, Item]
    errors: list[str]


@dataclass(frozen=True)
class Program:
    """One of `clients/`."""

    name: str

    def command(self, folder: Path) -> list[str]:
        if self.name.endswith(".py"):
            return [sys.executable, "-W", "error", str(SOURCES / self.name)]
        return [str(node()), "--trace-warnings", "--throw-deprecation", str(folder / self.name)]

    async def run(
        self,
        folder: Path,
        server: Served,
        certificate: Certificate,
        *,
        token: str,
        agent: str,
        clips: dict[str, Path],
    ) -> Report:
        out = folder / self.name.partition(".")[0]
        out.mkdir()
        async with Line(server.port) as line:
            config = {
                "url": f"https://127.0.0.1:{line.port}/v1",
                "token": token,
                "agent": agent,
                "clips": {name: str(path) for name, path in clips.items()},
                "out": str(out),
            }
            path = out / "config.json"
            path.write_text(json.dumps(config))
            child = await asyncio.create_subprocess_exec(
                *(*self.command(folder), str(path)),
                env=_environment(certificate),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            try:
                async with asyncio.timeout(RUN_S_MAX):
                    said = await _listen(child, line)
                    returncode = await child.wait()
            finally:
                if child.returncode is None:
                    child.kill()
                    await child.wait()
        return _read(out, returncode, said)


def _environment(certificate: Certificate) -> dict[str, str]:
    """This process's, with the server's certificate trusted and no proxy in between."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OPENAI_", "NODE_", "PYTHON"))
    }
    trusted = {name: str(certificate.cert) for name in ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE")}
    root = {"PYTHONPATH": str(SOURCES.parents[2])}
    return {**kept, **trusted, **root, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}


async def _listen(child: asyncio.subprocess.Process, line: Line) -> str:
    """All that the program prints but `cut`, which is a request."""
    assert child.stdout is not None
    said = ""
    async for raw in child.stdout:
        printed = raw.decode()
        if printed == "cut\n":
            line.cut()
        else:
            said += printed
    return said


def _read(out: Path, returncode: int, said: str) -> Report:
    path = out / "report.json"
    if not path.exists():
        return Report(returncode, said, [], {}, [])
    told = json.loads(path.read_text())
    items = {
        each["id"]: Item(
            each["id"],
            np.frombuffer((out / f"{each['id']}.pcm").read_bytes(), "<i2"),
            each["heard_bytes"] // 2,
            each["is_cut"],
        )
        for each in told["items"]
    }
    return Report(returncode, said, told["sessions"], items, told["errors"])
