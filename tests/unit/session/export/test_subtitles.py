from datetime import timedelta

import srt
import webvtt

from voicehub.session.export.said import Said
from voicehub.session.export.subtitles import CUE_MS
from voicehub.session.export.subtitles import srt as as_srt
from voicehub.session.export.subtitles import webvtt as as_webvtt

LINES = [
    Said("user", "Hello?", 1000, 1500, None),
    Said("agent", "Hello, Ada & <b>friends</b> --> go.", 3_661_002, 3_662_000, None),
]


def test_subrip_has_the_times_and_the_speakers():
    first, second = srt.parse(as_srt(LINES))
    assert (first.start, first.end) == (timedelta(seconds=1), timedelta(seconds=1.5))
    assert first.content == "User: Hello?"
    assert second.start == timedelta(hours=1, minutes=1, seconds=1, milliseconds=2)
    assert second.content == "Agent: Hello, Ada & <b>friends</b> -> go."


def test_webvtt_has_voices_and_escapes_what_is_markup():
    assert as_webvtt(LINES, is_complete=True) == (
        "WEBVTT\n\n"
        "00:00:01.000 --> 00:00:01.500\n<v User>Hello?\n\n"
        "01:01:01.002 --> 01:01:02.000\n"
        "<v Agent>Hello, Ada &amp; &lt;b&gt;friends&lt;/b&gt; --&gt; go.\n\n"
    )


def test_cues_begin_in_order_and_may_overlap():
    lines = [Said("agent", "late", 500, 900, None), Said("user", "early", 400, 700, None)]
    cues = webvtt.from_string(as_webvtt(lines, is_complete=True))
    assert [(cue.start, cue.end) for cue in cues] == [
        ("00:00:00.400", "00:00:00.700"),
        ("00:00:00.500", "00:00:00.900"),
    ]


def test_words_that_took_no_time_can_be_read():
    (cue,) = srt.parse(as_srt([Said("user", "typed", 100, 100, None)]))
    assert cue.end - cue.start == timedelta(milliseconds=CUE_MS)


def test_a_session_that_goes_on_says_so_in_a_comment():
    assert "NOTE The session goes on" in as_webvtt([], is_complete=False)
    assert len(webvtt.from_string(as_webvtt(LINES, is_complete=False))) == 2


def test_a_transcript_without_words_is_a_file_without_cues():
    assert as_srt([]) == ""
    assert as_webvtt([], is_complete=True) == "WEBVTT\n\n"


def test_arrows_that_grow_out_of_arrows_go_too():
    (cue,) = srt.parse(as_srt([Said("user", "-" * 9 + ">", 0, 1000, None)]))
    assert "-->" not in cue.content
