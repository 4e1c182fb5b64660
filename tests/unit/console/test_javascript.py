"""The console's own JavaScript, where it needs no browser: each file of tests by Node.js."""

from pathlib import Path

import pytest

from tests.node import run

FOLDER = Path(__file__).parent / "javascript"
FILES = sorted(path.name for path in FOLDER.glob("*.test.mjs"))
assert FILES


@pytest.mark.parametrize("name", FILES)
async def test_javascript(name):
    quiet = "--disable-warning=MODULE_TYPELESS_PACKAGE_JSON"  # browsers need no package.json
    returncode, said = await run("--test", quiet, name, folder=FOLDER)
    assert returncode == 0, said
    assert " skipped 0\n" in said
