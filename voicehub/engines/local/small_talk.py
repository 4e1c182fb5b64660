"""The rules of the built-in responder: what it has an answer to, in the order they are tried."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from voicehub.engines.local.scene import Scene, names_in
from voicehub.engines.local.spoken_numbers import numbers_in, spoken, sum_in

WHAT_IT_IS = (
    "I run on VoiceHub's small built-in responder, which follows rules and has no language model."
)
HOW_TO_IMPROVE = "Set VOICEHUB_CHAT_URL to a chat endpoint, and I can talk about anything."
COUNT_MAX = 30
QUOTE_CHARACTERS_MAX = 200

# An answer is a list of sentences; None passes the turn to the next rule.
Answer = list[str] | None


@dataclass(frozen=True, slots=True)
class Rule:
    pattern: re.Pattern[str]
    answer: Callable[[Scene, re.Match[str]], Answer]


def answer_by_rule(scene: Scene) -> Answer:
    """The first rule's answer, or None where no rule fits."""
    for text in dict.fromkeys((scene.core, scene.heard)):
        for rule in RULES:
            match = rule.pattern.search(text)
            answer = match and rule.answer(scene, match)
            if answer:
                return answer
    return None


def quoted(text: str) -> str:
    """The caller's or the agent's own words, short enough to listen to, without a full stop."""
    if len(text) > QUOTE_CHARACTERS_MAX:
        text = text[:QUOTE_CHARACTERS_MAX].rsplit(" ", 1)[0]
    return text.rstrip(" .!?,")


def _last_words(scene: Scene, _: re.Match[str]) -> Answer:
    if not scene.earlier:
        return ["That was the first thing you said, so there is nothing before it."]
    return [f"You said: {quoted(scene.earlier[-1])}."]


def _first_words(scene: Scene, _: re.Match[str]) -> Answer:
    first = scene.earlier[0] if scene.earlier else scene.heard
    return [f"The first thing you said was: {quoted(first)}."]


def _own_words(scene: Scene, _: re.Match[str]) -> Answer:
    if not scene.answers:
        return ["I have not said anything yet."]
    return [f"I said: {quoted(scene.answers[-1])}."]


def _count_turns(scene: Scene, _: re.Match[str]) -> Answer:
    times = "once" if scene.turns == 1 else f"{scene.turns} times"
    return [f"You have spoken {times} in this conversation."]


def _callers_name(scene: Scene, _: re.Match[str]) -> Answer:
    if scene.caller:
        return [f"Your name is {scene.caller}."]
    return ["You have not told me your name yet.", "What is it?"]


def _told_name(scene: Scene, _: re.Match[str]) -> Answer:
    if not names_in(scene.heard):
        return None
    return [f"Nice to meet you, {scene.caller}.", "How can I help you?"]


def _told_thing(scene: Scene, match: re.Match[str]) -> Answer:
    """What is my X: looked up in what the caller said before."""
    thing = match["thing"].strip(" ?.!").lower()
    told = re.compile(rf"\bmy {re.escape(thing)} (is|are|was|were) ([^.!?]+)", re.IGNORECASE)
    for text in reversed(scene.earlier):
        if found := told.search(text):
            return [f"You told me that your {thing} {found[1]} {found[2].strip()}."]
    return [f"You have not told me about your {thing} yet."]


def _remember(_scene: Scene, match: re.Match[str]) -> Answer:
    thing, verb, value = match["thing"], match["verb"], match["value"].strip(" .!?")
    return [f"I will remember that your {thing} {verb} {value}."]


def _arithmetic(scene: Scene, _: re.Match[str]) -> Answer:
    try:
        result = sum_in(scene.heard)
    except ZeroDivisionError:
        return ["Nothing can be divided by zero."]
    return None if result is None else [f"That makes {spoken(result)}."]


def _count(scene: Scene, _: re.Match[str]) -> Answer:
    numbers = numbers_in(scene.heard)
    last = int(min(max(numbers[-1], 1), COUNT_MAX)) if numbers else 10
    return [", ".join(str(number) for number in range(1, last + 1)) + "."]


def _who(scene: Scene, _: re.Match[str]) -> Answer:
    return [f"{scene.persona.introduction()}.", WHAT_IT_IS, HOW_TO_IMPROVE]


def _machine(_scene: Scene, _: re.Match[str]) -> Answer:
    return ["I am a computer program, not a person.", WHAT_IT_IS]


def _abilities(_scene: Scene, _: re.Match[str]) -> Answer:
    return [
        "I can listen, remember what you tell me, do sums, count and tell a short story.",
        HOW_TO_IMPROVE,
    ]


def _greeting(scene: Scene, _: re.Match[str]) -> Answer:
    if scene.answers:
        return [f"Hello again{scene.addressed()}.", "What can I do for you?"]
    return opening(scene)


def opening(scene: Scene) -> list[str]:
    """What the agent says first."""
    if scene.persona.greeting:
        return [scene.persona.greeting]
    return [f"Hello{scene.addressed()}!", f"{scene.persona.introduction()}.", "How can I help you?"]


def _goodbye(scene: Scene, _: re.Match[str]) -> Answer:
    return [f"Goodbye{scene.addressed()}.", "It was nice talking with you."]


def _thanks(scene: Scene, _: re.Match[str]) -> Answer:
    return [f"You are welcome{scene.addressed()}.", "Is there anything else?"]


def _says(*sentences: str) -> Callable[[Scene, re.Match[str]], Answer]:
    return lambda _scene, _match: list(sentences)


def _rule(answer: Callable[[Scene, re.Match[str]], Answer], *patterns: str) -> Rule:
    """`answer` where any of `patterns` is found."""
    return Rule(re.compile("|".join(patterns), re.IGNORECASE), answer)


_STORY = (
    "Once there was a lighthouse keeper who counted the ships that passed in the night.",
    "One evening no ship came, and the sea lay still under a wide grey sky.",
    "So the keeper counted the stars instead, and found that there were too many for the book.",
    "In the morning a small boat came in with the tide, and its captain asked for the number.",
    "Enough to find the way home, said the keeper, and closed the book.",
)
_JOKE = (
    "Why did the audio frame arrive late?",
    "It was stuck in a buffer, and nobody had set a limit.",
)
# Gaps between words are bounded, so that a hostile text cannot make a pattern slow.
_IS = r"(?:'s| is| are| was| were)"

RULES = (
    _rule(
        _first_words, r"\bfirst (?:thing|words?)\b.{0,80}\b(?:i|me)\b", r"\bdid i say (?:at )?first"
    ),
    _rule(_last_words, r"\bwhat (?:did|have|was) i\b.{0,80}\b(?:say|said|saying|tell|told|ask)"),
    _rule(
        _count_turns, r"\bhow (?:many|often)\b.{0,80}\bi\b.{0,80}\b(?:say|said|spoken?|speak|talk)"
    ),
    _rule(
        _callers_name,
        rf"\b(?:what|who){_IS} my name",
        r"\bwho am i\b",
        r"\bdo you (?:know|remember) my name",
    ),
    _rule(
        _own_words,
        r"\bwhat did you (?:just )?say",
        r"\b(?:say|repeat) that\b",
        r"\brepeat (?:it|yourself)",
        r"\bsay (?:it )?again",
    ),
    _rule(_told_name, r"\b(?:my name|call me|i am|i'm|this is)\b"),
    _rule(
        _told_thing,
        rf"\b(?:what|who|where|when|which){_IS} my (?P<thing>[a-z][\w' -]{{1,40}}?)\s*[?.!]*$",
    ),
    _rule(
        _arithmetic,
        r"\b(?:what|how much|calculate|compute|work out|add up|equals?)\b",
        r"^[\s\d(.-]+[+*/x÷-]",
    ),
    _rule(
        _remember,
        r"^(?!.{0,80}\b(?:what|how|why|can|could|would)\b).{0,80}"
        r"\bmy (?P<thing>(?:favou?rite )?[a-z]+(?: number| address| colou?r)?) "
        r"(?P<verb>is|are|was) (?P<value>[^.!?]{2,80})",
    ),
    _rule(_count, r"\bcount\b.{0,80}\b(?:to|up|from|for)\b"),
    _rule(
        _who,
        r"\b(?:who|what) (?:are|r) you\b",
        r"\byour name\b",
        r"\bintroduce yourself",
        r"\babout yourself",
    ),
    _rule(
        _machine,
        r"\bare you\b.{0,80}\b(?:robot|bot|human|person|real|machine|computer|a\.?i\.?|model)\b",
    ),
    _rule(
        _abilities,
        r"\bwhat can you\b",
        r"\bwhat do you do\b",
        r"\bhow can you help\b",
        r"\bcan you help me\s*[?.!]*$",
    ),
    _rule(
        _says("Yes, I hear you well.", "How can I help you?"),
        r"\bcan you hear me\b",
        r"\bare you there\b",
        r"\b(?:mic|sound|audio) (?:check|test)",
    ),
    _rule(
        _says("I am fine, thank you.", "How can I help you?"),
        r"\bhow(?: are you| is it going|'s it going| do you do)\b",
    ),
    _rule(_says(*_STORY), r"\bstory\b"),
    _rule(_says(*_JOKE), r"\bjoke\b", r"\bmake me laugh"),
    _rule(
        _says("I cannot look that up by myself.", "A tool of your application could tell me."),
        r"\bweather\b",
        r"\bforecast\b",
        r"\b(?:what|the) (?:time|day|date|news)\b",
    ),
    _rule(
        _goodbye,
        r"\b(?:good)?bye\b",
        r"\bgood-by\b",
        r"\bsee you\b",
        r"\bgood night\b",
        r"\bthat(?:'s| is| was| will be) all\b",
    ),
    _rule(
        _says("Good.", "What would you like to do next?"),
        r"^(?:yes|yeah|yep|sure|correct|right|exactly|of course)\b[\s.!,]*$",
    ),
    _rule(
        _says("All right.", "Is there anything else that I can do?"),
        r"^(?:no|nope|nah|not really|nothing)\b[\s.!,]*(?:thanks|thank you)?[\s.!]*$",
    ),
    _rule(_thanks, r"\bthank(?:s| you)\b", r"\bcheers\b", r"\bmuch appreciated\b"),
    _rule(
        _says("All right, I am listening."),
        r"^(?:stop|wait|hold on|one moment|quiet|be quiet|enough)\b[\s.!,]*",
    ),
    _rule(
        _greeting,
        r"^(?:hello|hi|hey|good (?:morning|afternoon|evening|day)|greetings|howdy)\b",
    ),
)
