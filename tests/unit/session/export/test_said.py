from voicehub.session.export.said import clock, said

LINE = {
    "transcript": " Good\n\tday,  Ada. ",
    "timestamp": "2026-03-01T12:00:00.000Z",
    "speaker": "agent",
    "start_ms": 1200,
    "end_ms": 2400,
}


def test_words_stand_on_one_line_with_single_spaces():
    (line,) = said([LINE])
    assert (line.text, line.name, line.start_ms, line.end_ms) == (
        *("Good day, Ada.", "Agent"),
        *(1200, 2400),
    )
    assert line.timestamp == "2026-03-01T12:00:00.000Z"


def test_lines_without_words_are_left_out():
    assert said([{**LINE, "transcript": text} for text in ("", " \n", None)]) == []


def test_a_line_without_positions_stands_at_the_beginning():
    (line,) = said([{"transcript": "Hello", "speaker": "user"}])
    assert (line.start_ms, line.end_ms, line.timestamp) == (0, 0, None)


def test_no_line_ends_before_it_begins():
    (line,) = said([{**LINE, "end_ms": 3}])
    assert (line.start_ms, line.end_ms) == (1200, 1200)


def test_the_clock_carries_over_and_grows_beyond_a_hundred_hours():
    assert clock(0) == "00:00:00.000"
    assert clock(3_661_002) == "01:01:01.002"
    assert clock(360_000_000, ",") == "100:00:00,000"
