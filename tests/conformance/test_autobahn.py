"""Autobahn's fuzzing client against the sockets of sessions. Without a Python 2.7 it cannot run:
then this file is left out, and `test_frames.py` says what it can.
"""

import asyncio

from tests.conformance.autobahn import fuzz, install, python2
from tests.conformance.echo import bare, echoing, ours

GOOD = {"OK", "NON-STRICT", "INFORMATIONAL"}
CASES_MIN = 240


async def test_the_sockets_of_sessions_do_at_least_as_well_as_bare_aiohttp(tmp_path):
    python = python2()
    assert python is not None
    packages = await install(python)
    for name in ("ours", "bare"):
        (tmp_path / name).mkdir()
    async with echoing(ours) as our_port, echoing(bare) as bare_port:
        found, compared = await asyncio.gather(
            fuzz(python, packages, our_port, tmp_path / "ours"),
            fuzz(python, packages, bare_port, tmp_path / "bare"),
        )
    assert len(found) >= CASES_MIN
    assert found.keys() == compared.keys()
    worse = {
        case: (found[case], compared[case])
        for case in found
        if not GOOD.issuperset(found[case]) and found[case] != compared[case]
    }
    assert not worse
    # aiohttp takes a close with the reserved code 1006 for a proper one, and so do we.
    failed = {case for case in found if not GOOD.issuperset(found[case])}
    assert failed <= {"7.9.5"}
