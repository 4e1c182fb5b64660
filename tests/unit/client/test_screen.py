import io

import orjson
from rich.console import Console

from voicehub.client.notices import (
    GoingAway,
    Lost,
    Paused,
    Plan,
    QuotaWarning,
    Reconnected,
    Resumed,
    UsageUpdated,
)
from voicehub.client.screen import JsonLines, Terminal, at
from voicehub.client.transcript import Line
from voicehub.client.turns import Event


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


def test_the_plan_the_pause_and_the_connection_are_told():
    screen = Terminal("Ava", out := console())
    for notice in (
        QuotaWarning("audio_tokens", 80, Plan(20, 100)),
        UsageUpdated({}, Plan(20, 100), Plan(20, 100)),
        GoingAway("drain", 9_600),
        Lost(1012),
        Reconnected(1.24, is_continued=False),
        Paused(3_000),
        Resumed(),
    ):
        screen.notice(notice)
    assert out.file.getvalue().splitlines() == [
        "-- 80 % of the plan's audio tokens are used up: 20 left",
        "-- the server goes away within 10 s",
        "-- connection lost, coming back...",
        "-- back after 1.2 s",
        "-- paused",
        "-- going on",
    ]


def test_json_lines_tell_of_the_connection_too():
    screen = JsonLines(out := console())
    for notice in (Lost(1006), Reconnected(0.5004, is_continued=True), Resumed()):
        screen.notice(notice)
    assert [orjson.loads(line) for line in out.file.getvalue().splitlines()] == [
        {"type": "connection.lost", "close_code": 1006},
        {"type": "connection.back", "after_s": 0.5, "continued": True},
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
