"""A transcript as plain text, for people."""

from collections.abc import Sequence

from voicehub.session.export.said import Said, clock


def plain(lines: Sequence[Said], *, is_complete: bool) -> str:
    """A line for each utterance, in the conversation's order."""
    spoken = "".join(f"[{clock(line.start_ms)}] {line.name}: {line.text}\n" for line in lines)
    return spoken if is_complete else f"{spoken}(The session goes on.)\n"
