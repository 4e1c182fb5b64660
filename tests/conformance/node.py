"""The npm packages of `clients/`, for a run of their programs."""

import shutil
from pathlib import Path

from tests.node import installed, node

__all__ = ["SOURCES", "install", "node"]
SOURCES = Path(__file__).parent / "clients"


async def install(run_folder: Path) -> None:
    """Put the programs of `clients/` into `run_folder`, beside the packages that they import."""
    packages = await installed(SOURCES, "conformance")
    for program in (*SOURCES.glob("*.mjs"), SOURCES / "package.json"):
        shutil.copy(program, run_folder)
    (run_folder / "node_modules").symlink_to(packages, target_is_directory=True)
