"""Who the agent is, as far as simple rules can read it from its instructions."""

import re
from dataclasses import dataclass

# Instructions may be long; who the agent is stands at their beginning.
INSTRUCTIONS_CHARACTERS_MAX = 4000
ROLE_CHARACTERS_MAX = 100

_NAME = r"(?P<name>[A-Z][\w'’-]*(?: [A-Z][\w'’-]*){0,2})"  # noqa: RUF001  # the curly quote is meant
_NAMED = re.compile(
    rf"\b(?:[Yy]ou are|[Yy]ou're|[Yy]our name is|[Aa]ct as|[Nn]amed|[Cc]alled) {_NAME}"
)
_ROLE = re.compile(
    r"\byou(?: are|'re)(?: [A-Z][^,.;\n]{0,60},)? (?P<role>(?:an?|the) [^,.;:!?\n]+)", re.IGNORECASE
)
_ROLE_AFTER_NAME = re.compile(r"^[, ]+(?:and )?(?:you are )?(?P<role>(?:an?|the) [^,.;:!?\n]+)")
_ROLE_END = re.compile(r"\s+(?:who|that|which|and you|whose|named|called)\b.*")
_QUOTE = r"[\"“](?P<words>[^\"”]{1,600})[\"”]"
_EXACT = re.compile(
    r"\b(?:say|repeat|respond with|reply with|answer with)(?: \w+)? "
    rf"(?:exactly|only|word for word)?:?\s*{_QUOTE}",
    re.IGNORECASE,
)
_GREETING = re.compile(
    rf"\b(?:greet|greeting|begin|start|open|welcome)\b[^.\n\"“]{{0,60}}{_QUOTE}", re.IGNORECASE
)
# What a sentence begins with is no name.
_NO_NAMES = frozenset("A An The Always Never Not I You Your We It This That In On At".split())  # noqa: SIM905  # a sentence reads better


@dataclass(frozen=True, slots=True)
class Persona:
    """Empty strings stand for what the instructions do not say."""

    name: str = ""
    role: str = ""  # with its article: "the receptionist at Acme"
    exact_words: str = ""  # what to say whatever was said, from `Say exactly: "..."`
    greeting: str = ""

    def introduction(self) -> str:
        """One sentence, without the full stop."""
        if self.name and self.role:
            return f"I am {self.name}, {self.role}"
        return f"I am {self.name or self.role or 'the voice agent here'}"


def read_persona(instructions: str) -> Persona:
    text = " ".join(instructions[:INSTRUCTIONS_CHARACTERS_MAX].split())
    named = next((each for each in _NAMED.finditer(text) if _is_name(each["name"])), None)
    role = named and _ROLE_AFTER_NAME.match(text[named.end() :])
    role = role or _ROLE.search(text)
    exact, greeting = _EXACT.search(text), _GREETING.search(text)
    return Persona(
        name=named["name"] if named else "",
        role=_shortened(role["role"]) if role else "",
        exact_words=exact["words"].strip() if exact else "",
        greeting=greeting["words"].strip() if greeting else "",
    )


def _is_name(words: str) -> bool:
    return words.split(maxsplit=1)[0] not in _NO_NAMES and not words.endswith(("'s", "’s"))  # noqa: RUF001  # the curly quote is meant


def _shortened(role: str) -> str:
    role = _ROLE_END.sub("", role).strip()
    role = role[0].lower() + role[1:]
    if len(role) <= ROLE_CHARACTERS_MAX:
        return role
    return role[:ROLE_CHARACTERS_MAX].rsplit(" ", 1)[0]
