from voicehub.session.export.plain import plain
from voicehub.session.export.said import Said

LINES = [
    Said("user", "Hello?", 1000, 1500, None),
    Said("agent", "Hello, Ada.", 61_250, 63_000, None),
]


def test_each_line_has_its_time_and_its_speaker():
    assert plain(LINES, is_complete=True) == (
        "[00:00:01.000] User: Hello?\n[00:01:01.250] Agent: Hello, Ada.\n"
    )


def test_a_session_that_goes_on_says_so_at_the_end():
    assert plain([], is_complete=False) == "(The session goes on.)\n"
