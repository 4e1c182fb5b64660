"""How a conversation is shown: lines with timestamps as they grow, or JSON for a program."""

from typing import Any, Protocol

import orjson
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from voicehub.client.notices import (
    GoingAway,
    Lost,
    Notice,
    Paused,
    QuotaWarning,
    Reconnected,
    Resumed,
)
from voicehub.client.transcript import Line
from voicehub.client.turns import Event

STYLES = {"user": "bold cyan", "agent": "bold green"}


class Screen(Protocol):
    def event(self, event: Event) -> None: ...
    def notice(self, notice: Notice) -> None: ...
    def line(self, line: Line) -> None: ...
    def say(self, sentence: str) -> None: ...
    def summary(self, facts: dict[str, Any]) -> None: ...
    def close(self) -> None: ...


class Terminal:
    """For people: what is still growing stands in the last rows, what is finished above them."""

    def __init__(self, agent: str, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._names = {"user": "you", "agent": agent}
        self._growing: dict[str, Line] = {}
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        if self._console.is_terminal:
            self._live.start()

    def event(self, event: Event) -> None:
        if event.type == "conversation.item.truncated":
            heard_s = event.body["audio_end_ms"] / 1000
            note = f"{self._names['agent']} stopped, {heard_s:.1f} s into that"
            self._console.print(Text(f"{at(event.at_ms)}  -- {note}", style="yellow"))
        elif event.type == "error":
            message = event.body["error"]["message"]
            self._console.print(Text(f"{at(event.at_ms)}  error: {message}", style="red"))

    def notice(self, notice: Notice) -> None:
        if sentence := _sentence(notice):
            self._console.print(Text(f"-- {sentence}", style="yellow"))

    def line(self, line: Line) -> None:
        if line.finished:
            shown = line.item_id in self._growing or not line.interrupted
            self._growing.pop(line.item_id, None)
            if shown and line.text:
                self._console.print(self._row(line))
        else:
            self._growing[line.item_id] = line
        if self._live.is_started:
            rows = Text("\n").join(self._row(each, style="dim") for each in self._growing.values())
            self._live.update(rows, refresh=True)

    def say(self, sentence: str) -> None:
        self._console.print(Text(sentence, style="dim"))

    def summary(self, facts: dict[str, Any]) -> None:
        table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
        for name, fact in facts.items():
            table.add_row(Text(name, style="dim"), Text(str(fact), overflow="fold"))
        self._console.print()
        self._console.print(table)

    def close(self) -> None:
        """Safe to repeat."""
        self._live.stop()

    def _row(self, line: Line, style: str = "") -> Text:
        name = self._names[line.speaker]
        return Text.assemble(
            (f"{at(line.start_ms)}  ", "dim"),
            (f"{name}: ", STYLES[line.speaker]),
            (line.text, style),
        )


class JsonLines:
    """For programs, one JSON object a line: each event without its audio, then the summary."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)

    def event(self, event: Event) -> None:
        self._print({"at_ms": round(event.at_ms, 1), **event.body})

    def notice(self, notice: Notice) -> None:
        """What the events do not say: the connection."""
        if isinstance(notice, Lost):
            self._print({"type": "connection.lost", "close_code": notice.close_code})
        elif isinstance(notice, Reconnected):
            facts = {"after_s": round(notice.resumed_after_s, 3), "continued": notice.is_continued}
            self._print({"type": "connection.back", **facts})

    def line(self, line: Line) -> None:
        """The events say it."""

    def say(self, sentence: str) -> None:
        """Not for programs."""

    def summary(self, facts: dict[str, Any]) -> None:
        self._print({"type": "summary", **facts})

    def close(self) -> None:
        """Nothing is held."""

    def _print(self, body: dict[str, Any]) -> None:
        self._console.out(orjson.dumps(body, default=str).decode(), highlight=False)


def _sentence(notice: Notice) -> str | None:
    """What people want to know of a notice, if anything."""
    sentence = None
    match notice:
        case QuotaWarning():
            kind, left = notice.kind.replace("_", " "), notice.plan.left
            sentence = f"{notice.percent} % of the plan's {kind} are used up: {left:g} left"
        case GoingAway():
            sentence = f"the server goes away within {notice.ends_within_ms / 1000:.0f} s"
        case Lost():
            sentence = "connection lost, coming back..."
        case Reconnected():
            sentence = f"back after {notice.resumed_after_s:.1f} s"
        case Paused():
            sentence = "paused"
        case Resumed():
            sentence = "going on"
    return sentence


def at(moment_ms: float) -> str:
    """`moment_ms` as mm:ss.s."""
    minutes, seconds = divmod(max(0.0, moment_ms) / 1000, 60)
    return f"{int(minutes):02}:{seconds:04.1f}"
