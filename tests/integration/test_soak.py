from tests.scripts import run_script

RUN_S_MAX = 240.0


async def test_sessions_that_open_and_close_leave_nothing_behind():
    code, printed = await run_script(
        "soak", "--minutes", "0.3", "--sessions", "40", within_s=RUN_S_MAX
    )
    assert code == 0, printed
    *_, last_line = printed.rstrip().splitlines()
    assert last_line.startswith("left behind by ")
    assert " +0 tasks" in last_line
    for end in ("cut", "hung up", "ended by the server"):
        assert end in printed
