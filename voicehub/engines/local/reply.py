"""What a reply is made from and made of: the prompt, its parts, and the text cut into sentences."""

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

# A piece this long without an end is cut where it hurts least: speech must not wait for the end of
# a sentence that never comes. Text to speech takes such a piece in one go (about 15 s of audio).
SENTENCE_CHARACTERS_MAX = 240

Role = Literal["system", "user", "assistant", "tool_call", "tool_output"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One item of the conversation, as the model sees it.

    `text` of a tool_call is its arguments (JSON), of a tool_output what the tool answered; both
    carry the `call_id` that joins them, and a tool_call the tool's `name`.
    """

    role: Role
    text: str
    name: str = ""
    call_id: str = ""

    def __repr__(self) -> str:
        # What people said never reaches a log line or a traceback.
        return f"Turn({self.role!r}, {len(self.text)} characters)"


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the client runs; `parameters` is a JSON schema, whatever its author wrote."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] | None = None  # JSON schema is open-ended


@dataclass(frozen=True, slots=True)
class NamedTool:
    """The tool choice that asks for one tool by its name."""

    name: str


ToolChoice = Literal["auto", "none", "required"] | NamedTool


@dataclass(frozen=True, slots=True)
class Prompt:
    """Everything that a reply depends on."""

    instructions: str
    turns: tuple[Turn, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = "auto"
    max_output_tokens: int | None = None

    def __repr__(self) -> str:
        return f"Prompt({len(self.turns)} turns, {len(self.tools)} tools)"


@dataclass(frozen=True, slots=True)
class TextPart:
    """A piece of the answer's text; pieces join without anything between them."""

    text: str

    def __repr__(self) -> str:
        return f"TextPart({len(self.text)} characters)"


@dataclass(frozen=True, slots=True)
class ToolPart:
    """A whole request to run a tool. `call_id` is None where the model named none."""

    name: str
    arguments_json: str
    call_id: str | None = None

    def __repr__(self) -> str:
        return f"ToolPart({self.name!r})"


@dataclass(frozen=True, slots=True)
class UsagePart:
    """What the endpoint counted for this reply; `cached_text_tokens` lie inside the input's.

    `hit_limit` says that the endpoint stopped at `max_output_tokens`, in the middle of the reply.
    """

    input_text_tokens: int
    output_text_tokens: int
    cached_text_tokens: int = 0
    hit_limit: bool = False


ReplyPart = TextPart | ToolPart | UsagePart


class Responder(Protocol):
    """Gives the agent's next reply. Shared by all sessions of the process, so it keeps no state."""

    def reply(self, prompt: Prompt) -> AsyncIterator[ReplyPart]:
        """The parts of one reply, as they come; abandoning it stops the work. EngineError."""
        ...


# Words before a full stop that does not end a sentence; not those that often do end one ("no").
_ABBREVIATIONS = re.compile(
    r"mrs?|ms|dr|prof|sr|jr|st|vs|etc|approx|dept|est|inc|ltd|co|corp|vol|gen|col|lt|sgt|capt|rev|"
    r"hon|ave|blvd|rd|ft|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|mon|tue|thu|fri",
    re.IGNORECASE,
)
# Latin punctuation ends a sentence only before whitespace (3.14, example.com); a line's end and the
# full-width marks always do.
_END = re.compile(
    r"""(?P<mark>(?<![.!?…])[.!?…]++)["'”’)\]*_]*(?=\s)"""  # noqa: RUF001  # the curly quotes are meant
    r"|[。！？]++(?=.)|(?<=\S)(?=\n)",  # noqa: RUF001  # the full-width marks are meant
    re.DOTALL,
)
_CLAUSE = re.compile(r"[,;:—–](?=\s)")  # noqa: RUF001  # the dashes are meant


class SentenceSplitter:
    """Cuts text that arrives in pieces into sentences, the same ones however it is cut up.

    The pieces given back join to exactly the text that was pushed: white space stands at the front
    of the next sentence.
    """

    def __init__(self, characters_max: int = SENTENCE_CHARACTERS_MAX) -> None:
        self._characters_max = characters_max
        self._pending = ""

    def push(self, text: str) -> list[str]:
        """The sentences that `text` completes."""
        self._pending += text
        sentences = []
        while end := self._next_end():
            sentences.append(self._pending[:end])
            self._pending = self._pending[end:]
        return sentences

    def flush(self) -> list[str]:
        """What is left at the end of the reply; nothing where that is only white space."""
        rest, self._pending = self._pending, ""
        return [rest] if rest.strip() else []

    def _next_end(self) -> int:
        """Where the first sentence ends, or 0 when that is not known yet."""
        # One letter more than may be taken, for an end shows by what comes behind it.
        window = self._pending[: self._characters_max + 1]
        for match in _END.finditer(window):
            if not self._is_abbreviation(match):
                return match.end()
        if len(self._pending) <= self._characters_max:
            return 0
        return self._forced_end()

    def _is_abbreviation(self, match: re.Match[str]) -> bool:
        if match["mark"] != ".":
            return False
        before = self._pending[: match.start()].lstrip()
        word = before.rsplit(maxsplit=1)[-1].lstrip("(\"'“‘[*_") if before else ""  # noqa: RUF001  # the curly quotes are meant
        is_initial = len(word) == 1 and word.isupper() and word != "I"
        is_list_number = word.isdigit() and before == word
        has_dots = "." in word and word.replace(".", "").isalpha() and len(word) <= 5
        known = _ABBREVIATIONS.fullmatch(word) is not None
        return known or is_initial or is_list_number or has_dots

    def _forced_end(self) -> int:
        """The last clause of the longest allowed piece, else its last word or letter."""
        window = self._pending[: self._characters_max + 1]
        clauses = [match.end() for match in _CLAUSE.finditer(window)]
        if clauses and clauses[-1] > self._characters_max // 3:
            return clauses[-1]
        space = window.rfind(" ", 1)
        if space > self._characters_max // 3:
            return space
        return self._characters_max
