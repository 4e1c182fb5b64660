"""Autobahn's fuzzing client: it runs under Python 2.7 alone, so it gets a folder of its own."""

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

INSTALL_S_MAX = 300.0
RUN_S_MAX = 120.0
# 9.* are sizes up to 16 MiB, 12.* and 13.* compression, which sessions do not offer.
CASES = ("1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*")

_ROOT = Path(__file__).parents[2]
_PACKAGES = Path(__file__).with_name("autobahn.txt")
_START = "from autobahntestsuite.wstest import run; run()"

# By case: what it found about the messages, and about the closing.
Findings = dict[str, tuple[str, str]]


def python2() -> Path | None:
    """A Python 2.7 with pip, where this machine has one."""
    return next((each for each in _candidates() if _runs(each)), None)


def _candidates() -> Iterator[Path]:
    for name in ("python2.7", "python2"):
        if found := shutil.which(name):
            yield Path(found)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from pyenv.glob("versions/2.7*/bin/python")


def _runs(python: Path) -> bool:
    # A version shim may be there and lead nowhere.
    asked = subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False)
    return asked.returncode == 0 and b"python 2.7" in asked.stdout


async def install(python: Path) -> Path:
    """The packages of `autobahn.txt`, installed once for each content of it."""
    key = hashlib.sha256(_PACKAGES.read_bytes()).hexdigest()[:16]
    kept = _ROOT / ".venv" / f"conformance-autobahn-{key}"
    if kept.exists():
        return kept
    partial = kept.with_name(f"{kept.name}.{os.getpid()}")
    try:
        said = await _run(
            *(str(python), "-m", "pip", "install", "--quiet", "--no-deps"),
            *("--target", str(partial), "--requirement", str(_PACKAGES)),
            timeout_s=INSTALL_S_MAX,
        )
        assert partial.exists(), said
        # Its namespace package needs a site directory; a plain package does not.
        (partial / "zope" / "__init__.py").touch()
        partial.rename(kept)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return kept


async def fuzz(python: Path, packages: Path, port: int, folder: Path) -> Findings:
    """Run every case against the echo server at `port`; the reports are written to `folder`."""
    spec = folder / "spec.json"
    server = {"agent": "echo", "url": f"ws://127.0.0.1:{port}"}
    spec.write_text(
        json.dumps(
            {
                "outdir": str(folder),
                "servers": [server],
                "cases": CASES,
                "exclude-cases": [],
                "exclude-agent-cases": {},
            }
        )
    )
    said = await _run(
        *(str(python), "-W", "ignore", "-c", _START, "-m", "fuzzingclient", "-s", str(spec)),
        timeout_s=RUN_S_MAX,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(packages)},
    )
    index = folder / "index.json"
    assert index.exists(), said
    found = json.loads(index.read_text())["echo"]
    return {case: (each["behavior"], each["behaviorClose"]) for case, each in found.items()}


async def _run(*command: str, timeout_s: float, **more: object) -> str:
    child = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, **more
    )
    try:
        async with asyncio.timeout(timeout_s):
            said, _ = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    assert child.returncode == 0, said.decode()
    return said.decode()
