"""A transcript as subtitles of its recording: SubRip and WebVTT."""

from collections.abc import Sequence

from voicehub.session.export.said import Said, clock

# Of a cue whose words take no time, such as typed ones: WebVTT section 4.1 wants an end after the
# start, and nobody reads anything shorter.
CUE_MS = 500

_ARROW = "-->"


def srt(lines: Sequence[Said]) -> str:
    """SubRip. It knows neither speakers nor escapes: a name stands before the words."""
    return "".join(
        f"{number}\n{_times(line, ',')}\n{line.name}: {_without_arrow(line.text)}\n\n"
        for number, line in enumerate(_in_time(lines), 1)
    )


def webvtt(lines: Sequence[Said], *, is_complete: bool) -> str:
    """WebVTT with a voice for each speaker."""
    note = "" if is_complete else "NOTE The session goes on: more will follow.\n\n"
    cues = (
        f"{_times(line, '.')}\n<v {line.name}>{_escaped(line.text)}\n\n" for line in _in_time(lines)
    )
    return f"WEBVTT\n\n{note}{''.join(cues)}"


def _in_time(lines: Sequence[Said]) -> list[Said]:
    """Cues begin in order (WebVTT section 4.1); who speaks meanwhile overlaps."""
    return sorted(lines, key=lambda line: line.start_ms)


def _times(line: Said, separator: str) -> str:
    end_ms = line.end_ms if line.end_ms > line.start_ms else line.start_ms + CUE_MS
    return f"{clock(line.start_ms, separator)} {_ARROW} {clock(end_ms, separator)}"


def _without_arrow(text: str) -> str:
    """An arrow would begin a cue where a reader looks for one anywhere."""
    while _ARROW in text:
        text = text.replace(_ARROW, "->")
    return text


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
