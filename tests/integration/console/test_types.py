"""TypeScript's checker over the console's files, as strict as it can be."""

import shutil
from pathlib import Path

import pytest

from tests.node import installed, run
from voicehub.console.pages import FOLDER

TYPES = Path(__file__).parent / "types"
# Types of the libraries stand beside copies of them: nothing of that is served to browsers.
BESIDE = {
    "preact-standalone.d.ts": "vendor/htm",
    "uplot.d.ts": "vendor/uplot",
}


@pytest.fixture
async def checked(tmp_path):
    """A copy of the console, and a function that checks it."""
    shutil.copytree(FOLDER, tmp_path / "static")
    for name in ("tsconfig.json", "worklet.d.ts"):
        shutil.copy(TYPES / name, tmp_path)
    for name, place in BESIDE.items():
        shutil.copy(TYPES / name, tmp_path / "static" / place)
    compiler = await installed(TYPES, "types") / "typescript/bin/tsc"

    async def check():
        return await run(compiler, "--project", ".", "--pretty", "false", folder=tmp_path)

    return tmp_path / "static", check


async def test_every_type_of_the_console_holds(checked):
    _static, check = checked
    returncode, said = await check()
    assert returncode == 0, said


@pytest.mark.parametrize(
    ("place", "fault"),
    [
        ("audio/speaker.worklet.js", "new Playout().add('audio');"),
        ("talk/lines.js", "new Lines().write(1, 2, 3);"),
        ("parts.js", "export const wrong = (given) => given;"),
        ("views/talk.js", "useState('').tooMuch;"),
    ],
)
async def test_the_checker_sees_a_fault(checked, place, fault):
    static, check = checked
    with (static / place).open("a") as file:
        file.write(fault)
    returncode, said = await check()
    assert returncode != 0
    assert f"static/{place}" in said
