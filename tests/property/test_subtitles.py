"""Whatever was said, and whenever: a reader of subtitles finds the same words at the same times."""

import html
from datetime import timedelta

import srt
import webvtt
from hypothesis import given
from hypothesis import strategies as st

from voicehub.session.export.said import clock, said
from voicehub.session.export.subtitles import CUE_MS
from voicehub.session.export.subtitles import srt as as_srt
from voicehub.session.export.subtitles import webvtt as as_webvtt

POSITIONS = st.integers(0, 400_000_000)
# JSONB holds neither U+0000 nor lone surrogates.
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
TRICKY = st.sampled_from(
    [
        "-->",
        "a --> b",
        "1\n\n2",
        "WEBVTT",
        "NOTE x",
        "STYLE",
        "&amp;",
        "<v Eve>x</v>",
        "7",
        "\u2028",
    ]
)
LINES = st.lists(
    st.builds(
        lambda words, speaker, start_ms, length_ms: {
            "transcript": words,
            "speaker": speaker,
            "start_ms": start_ms,
            "end_ms": start_ms + length_ms,
        },
        st.one_of(WORDS, TRICKY, st.tuples(WORDS, TRICKY, WORDS).map(" ".join)),
        st.sampled_from(["user", "agent"]),
        POSITIONS,
        st.integers(0, 60_000),
    ),
    max_size=8,
)


def expected(lines):
    spoken = sorted(said(lines), key=lambda line: line.start_ms)
    return spoken, [
        (line.start_ms, line.end_ms if line.end_ms > line.start_ms else line.start_ms + CUE_MS)
        for line in spoken
    ]


def in_ms(time):
    return round(time / timedelta(milliseconds=1))


@given(LINES)
def test_subrip_gives_back_every_line(lines):
    spoken, times = expected(lines)
    cues = list(srt.parse(as_srt(said(lines))))
    assert [(in_ms(cue.start), in_ms(cue.end)) for cue in cues] == times
    for cue, line in zip(cues, spoken, strict=True):
        if "-->" in line.text:
            assert "-->" not in cue.content
        else:
            assert cue.content == f"{line.name}: {line.text}"


@given(LINES)
def test_webvtt_gives_back_every_line(lines):
    spoken, times = expected(lines)
    cues = list(webvtt.from_string(as_webvtt(said(lines), is_complete=True)))
    assert [(cue.start, cue.end) for cue in cues] == [
        (clock(start_ms), clock(end_ms)) for start_ms, end_ms in times
    ]
    for cue, line in zip(cues, spoken, strict=True):
        (raw,) = cue.lines
        assert raw.startswith(f"<v {line.name}>")
        words = raw.removeprefix(f"<v {line.name}>")
        assert not {"<", ">"} & set(words)
        assert html.unescape(words) == line.text
