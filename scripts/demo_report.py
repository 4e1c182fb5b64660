"""What the demo shows and checks when the conversation is over."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import demo_checks as checks
import soundfile
from rich.console import Console
from rich.table import Table
from rich.text import Text

from voicehub.client.screen import at
from voicehub.client.turns import Interruption, Reply, Utterance

# How much of each reply is looked for in the recording.
REPLY_MS = 1_500
# Columns of the terminal that a question gets beside its numbers.
WORDS_WIDTH_MAX = 20


@dataclass(slots=True)
class Turn:
    """What was said, where its speech stands on the caller's clock, and what came back."""

    words: str
    clip: checks.Pcm
    utterance: Utterance
    reply: Reply

    @property
    def speech_start_ms(self) -> float:
        return self.utterance.start_ms + checks.onset_ms(self.clip)

    @property
    def speech_end_ms(self) -> float:
        return self.utterance.start_ms + checks.end_ms(self.clip)


@dataclass(slots=True)
class Evidence:
    """The conversation as its caller had it, and what the server says about it afterwards."""

    began: datetime
    """The caller's clock at zero."""
    turns: list[Turn]
    barge_in: Interruption
    usages: list[dict[str, Any]]
    tape: Path
    session: dict[str, Any] = field(default_factory=dict)
    recording: dict[str, Any] = field(default_factory=dict)
    audio: Path = Path()
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)

    @property
    def lines(self) -> list[dict[str, Any]]:
        lines: list[dict[str, Any]] = self.session["data"]["transcript"]
        return lines


def show(console: Console, evidence: Evidence) -> None:
    console.print("\n[bold]What is left of it[/]\n")
    console.print(_transcript(evidence))
    console.print()
    console.print(_latencies(evidence.turns))
    console.print()
    for name, fact in _facts(evidence):
        # Not wrapped: an address that is cut cannot be copied.
        console.print(Text.assemble((f"{name:<24}", "dim"), fact), soft_wrap=True)


def check(evidence: Evidence) -> list[checks.Check]:
    stereo, rate_hz = soundfile.read(evidence.audio, dtype="int16", always_2d=True)
    assert rate_hz == checks.RATE_HZ
    left, right = stereo[:, 0], stereo[:, 1]
    said = [(turn.clip, turn.utterance.start_ms) for turn in evidence.turns]
    caller, offset_ms = checks.caller_check(said, left)
    next_reply_at_ms = evidence.turns[-1].reply.first_audio_at_ms or 0.0
    user_lines = [line for line in evidence.lines if line["speaker"] == "user"]
    grown = _used(evidence.after) - _used(evidence.before)
    return [
        caller,
        checks.agent_check(_heard(evidence), right, offset_ms),
        checks.barge_in_check(
            right, evidence.barge_in.cut_at_ms + offset_ms, next_reply_at_ms + offset_ms
        ),
        checks.words_check(
            [turn.words for turn in evidence.turns], [line["transcript"] for line in user_lines]
        ),
        checks.timestamps_check(
            [_moment(evidence, turn.speech_start_ms) for turn in evidence.turns],
            [datetime.fromisoformat(line["timestamp"]) for line in user_lines],
        ),
        checks.tokens_check(
            sum(map(_audio_tokens, evidence.usages)),
            float(evidence.session["usage"]["audio_tokens"]),
            grown,
        ),
    ]


def show_checks(console: Console, made: list[checks.Check]) -> None:
    console.print("\n[bold]Checked[/]\n")
    for each in made:
        mark = "[green]✓[/]" if each.holds else "[red]✗[/]"
        console.print(f"{mark} {each.name}: [dim]{each.measured}[/]", soft_wrap=True)


def _transcript(evidence: Evidence) -> Table:
    table = _table("time (UTC)", "at", "who", "words")
    for line in evidence.lines:
        stamp = datetime.fromisoformat(line["timestamp"])
        words = line["transcript"] + (" [interrupted]" if line["interrupted"] else "")
        start = at((stamp - evidence.began) / timedelta(milliseconds=1))
        clock = stamp.isoformat(timespec="milliseconds")[11:23]
        table.add_row(clock, start, line["speaker"], Text(words))
    return table


def _latencies(turns: list[Turn]) -> Table:
    """From the end of the speech to the first audio of the reply, and the engine's parts."""
    names = list(dict.fromkeys(name for turn in turns for name in turn.reply.latency_ms))
    table = _table("reply to", "heard after ms", *(name.replace("_", " ") for name in names))
    table.columns[0].no_wrap, table.columns[0].max_width = True, WORDS_WIDTH_MAX
    table.columns[0].overflow = "ellipsis"
    for turn in turns:
        first = turn.reply.first_audio_at_ms
        delay = f"{first - turn.speech_end_ms:.0f}" if first is not None else "-"
        parts = (str(turn.reply.latency_ms.get(name, "-")) for name in names)
        table.add_row(Text(turn.words), delay, *parts)
    return table


def _facts(evidence: Evidence) -> Iterator[tuple[str, str]]:
    session, usage = evidence.session, evidence.session["usage"]
    yield "session", f"{session['id']}, {session['status']} ({session['data'].get('ended_reason')})"
    yield "minutes", str(session["duration_minutes"])
    yield "tokens", f"{usage['audio_tokens']} audio, {usage['text_tokens']} text"
    plan = evidence.after["plan"]
    used = f"{_used(evidence.before):g} before, {_used(evidence.after):g} now"
    yield "subscription", f"{plan['name']}: {used} of {plan['max_audio_tokens']} audio tokens"
    yield "recording", str(session["data"]["audio_url"])
    expires_at = evidence.recording["expires_at"]
    yield "signed, to hear it", f"{evidence.recording['url']} (good until {expires_at})"
    yield "a copy", str(evidence.audio)
    yield "as the caller heard it", str(evidence.tape)


def _heard(evidence: Evidence) -> list[tuple[checks.Pcm, float]]:
    """The beginning of each reply as the caller heard it, and when."""
    heard = soundfile.read(evidence.tape, dtype="int16")[0][:, 1]
    pieces = []
    for turn in evidence.turns:
        if turn.reply.first_audio_at_ms is not None:
            first = int(turn.reply.first_audio_at_ms * checks.PER_MS)
            start = first + int((abs(heard[first:].astype(int)) > checks.SOUND_MIN).argmax())
            piece = heard[start : start + REPLY_MS * checks.PER_MS]
            pieces.append((piece, start / checks.PER_MS))
    return pieces


def _moment(evidence: Evidence, at_ms: float) -> datetime:
    return evidence.began + timedelta(milliseconds=at_ms)


def _used(subscription: dict[str, Any]) -> float:
    return float(subscription["total_audio_tokens_used"])


def _audio_tokens(usage: dict[str, Any]) -> int:
    """Of one response: what was heard and what was spoken."""
    return int(
        usage["input_token_details"]["audio_tokens"] + usage["output_token_details"]["audio_tokens"]
    )


def _table(*columns: str) -> Table:
    table = Table(*columns, box=None, padding=(0, 2, 0, 0))
    for column in table.columns:
        column.header_style = "dim"
        column.overflow = "fold"
    return table
