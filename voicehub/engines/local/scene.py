"""What the built-in responder knows when it answers: who it is, who calls, and what was said."""

import re
from dataclasses import dataclass

from voicehub.engines.local.persona import Persona, read_persona
from voicehub.engines.local.reply import Prompt

# Older turns are forgotten, so that an answer costs the same at the end of a long session.
TURNS_MAX = 200
# Of a long turn only so much is read: nobody says more in one breath.
TURN_CHARACTERS_MAX = 2000

_TOLD_NAME = re.compile(
    r"\b(?:[Mm]y name is|[Mm]y name's|[Cc]all me)\s+(?P<told>[A-Za-z][\w'-]*)"
    r"|\b(?:I am|I'm|[Tt]his is)\s+(?P<said>[A-Z][a-z'-]+)"
    r"(?=\s*(?:[.,!?]|$|and\b|from\b|here\b|speaking\b))"
)
_LEADING_WORDS = re.compile(
    r"^(?:(?:hello|hi|hey|okay|ok|well|so|um|uh|and|please|alright|great)\b[ ,.!]*"
    r"(?:there\b[ ,.!]*)?)+",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Scene:
    persona: Persona
    heard: str  # the caller's last words
    earlier: tuple[str, ...]  # the caller's words before, oldest first
    answers: tuple[str, ...]  # the agent's own words, oldest first
    caller: str  # the caller's name, or ""

    @property
    def core(self) -> str:
        """The last words without a greeting or a filler in front."""
        return _LEADING_WORDS.sub("", self.heard).strip()

    @property
    def turns(self) -> int:
        """How often the caller has spoken, this time included."""
        return len(self.earlier) + 1

    def addressed(self, before: str = ", ") -> str:
        """The caller's name as it is set into a sentence; empty where it is unknown."""
        return f"{before}{self.caller}" if self.caller else ""


def read_scene(prompt: Prompt) -> Scene:
    turns = prompt.turns[-TURNS_MAX:]
    said = [turn.text[:TURN_CHARACTERS_MAX].strip() for turn in turns if turn.role == "user"]
    answers = [turn.text[:TURN_CHARACTERS_MAX] for turn in turns if turn.role == "assistant"]
    names = [name for text in said for name in names_in(text)]
    return Scene(
        persona=read_persona(prompt.instructions),
        heard=said[-1] if said else "",
        earlier=tuple(said[:-1]),
        answers=tuple(answer.strip() for answer in answers if answer.strip()),
        caller=names[-1] if names else "",
    )


def names_in(text: str) -> list[str]:
    """The names by which the speaker of `text` introduces themselves."""
    told = (match["told"] or match["said"] for match in _TOLD_NAME.finditer(text))
    return [name[0].upper() + name[1:] for name in told]
