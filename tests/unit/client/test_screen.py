import io

import orjson
from rich.console import Console

from voicehub.client.conversation import Event
from voicehub.client.screen import JsonLines, Terminal, at
from voicehub.client.transcript import Line


def console(*, terminal: bool = False) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=80, highlight=False)


def test_a_finished_line_is_printed_once_with_its_time():
    screen = Terminal("Ava", out := console())
    line = Line("agent", "a1", 61_234, "Good ")
    screen.line(line)
    line.text, line.finished = "Good day.", True
    screen.line(line)
    line.interrupted = True
    screen.line(line)
    assert out.file.getvalue() == "01:01.2  Ava: Good day.\n"


def test_in_a_terminal_a_growing_line_is_seen():
    screen = Terminal("Ava", out := console(terminal=True))
    screen.line(Line("user", "u1", 0, "hello th"))
    assert "hello th" in out.file.getvalue()
    screen.close()


def test_a_barge_in_and_an_error_are_told():
    screen = Terminal("Ava", out := console())
    truncated = {"type": "conversation.item.truncated", "audio_end_ms": 1240}
    screen.event(Event(0, truncated["type"], truncated, 2000))
    error = {"type": "error", "error": {"message": "No."}}
    screen.event(Event(1, "error", error, 3000))
    assert out.file.getvalue().splitlines() == [
        "00:02.0  -- Ava stopped, 1.2 s into that",
        "00:03.0  error: No.",
    ]


def test_the_plans_end_and_the_servers_are_told():
    screen = Terminal("Ava", out := console())
    warning = {"kind": "audio_tokens", "percent": 80, "left": 20, "max": 100}
    for number, (kind, fields) in enumerate(
        [
            ("voicehub.quota.warning", warning),
            ("voicehub.session.going_away", {"reason": "drain", "ends_within_ms": 9_600}),
            ("response.done", {}),
        ]
    ):
        screen.event(Event(number, kind, {"type": kind, **fields}, 1_000))
    assert out.file.getvalue().splitlines() == [
        "00:01.0  -- 80 % of the plan's audio tokens are used up: 20 left",
        "00:01.0  -- the server goes away within 10 s: connect again",
    ]


def test_what_was_said_is_no_markup():
    screen = Terminal("Ava", out := console())
    screen.line(Line("user", "u1", 0, "[bold]close the [/b] tag", finished=True))
    assert "[bold]close the [/b] tag" in out.file.getvalue()


def test_json_lines_are_one_object_each():
    screen = JsonLines(out := console())
    screen.event(Event(0, "session.created", {"type": "session.created", "session": {}}, 1.26))
    screen.summary({"status": "completed"})
    first, second = map(orjson.loads, out.file.getvalue().splitlines())
    assert first == {"at_ms": 1.3, "type": "session.created", "session": {}}
    assert second == {"type": "summary", "status": "completed"}


def test_times_are_minutes_and_seconds():
    assert [at(0), at(59_949), at(3_600_000)] == ["00:00.0", "00:59.9", "60:00.0"]
