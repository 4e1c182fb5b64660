"""The built-in responder: answers by rules, without a language model, and says so when asked."""

import re
from collections.abc import AsyncIterator, Iterator

import orjson

from voicehub.engines.local.reply import Prompt, ReplyPart, TextPart, ToolPart, Turn
from voicehub.engines.local.scene import Scene, read_scene
from voicehub.engines.local.small_talk import (
    HOW_TO_IMPROVE,
    WHAT_IT_IS,
    answer_by_rule,
    opening,
    quoted,
)
from voicehub.engines.local.tool_match import chosen_tool, tool_arguments

# What a tool answered is read aloud up to here; the rest is dropped.
RESULT_CHARACTERS_MAX = 400
RESULT_DEPTH_MAX = 3

_SWAPS = {
    "i": "you", "me": "you", "my": "your", "mine": "yours", "myself": "yourself", "am": "are",
    "i'm": "you are", "i've": "you have", "i'd": "you would", "i'll": "you will",
    "you": "I", "your": "my", "yours": "mine", "we": "you", "our": "your", "us": "you",
}  # fmt: skip
_WORD = re.compile(r"[A-Za-z]+(?:['’][A-Za-z]+)?")  # noqa: RUF001  # the curly quote is meant
# "was" turns into "were" behind "I" alone.
_I_WAS = re.compile(r"\bI was\b", re.IGNORECASE)
_QUESTION = re.compile(
    r"\?\s*$|^(?:who|what|where|when|why|how|which|is|are|do|does|did|was|were|will|should)\b",
    re.IGNORECASE,
)
_REQUEST = re.compile(
    r"^(?:please |(?:can|could|would|will) you|i want|i need|i would like|i'd like|help me)",
    re.IGNORECASE,
)
# Used in turn, so that a longer conversation does not repeat itself at once.
_FOLLOW_UPS = (
    "Tell me more about it.",
    "What else should I know?",
    "I am listening, please go on.",
    "Is there more to it?",
)


class BuiltInResponder:
    """The same prompt gives the same reply; it knows nothing but what the prompt holds."""

    async def reply(self, prompt: Prompt) -> AsyncIterator[ReplyPart]:
        """One to three sentences (a story has five), or one tool to run; never fails."""
        scene = read_scene(prompt)
        last = prompt.turns[-1] if prompt.turns else None
        answered_tool = last is not None and last.role == "tool_output"
        # After a tool has answered, "auto" speaks: the words that chose it are still the last.
        tool = (
            None
            if answered_tool and prompt.tool_choice == "auto"
            else chosen_tool(prompt, scene.heard)
        )
        if tool is not None:
            arguments = orjson.dumps(tool_arguments(tool, scene.heard)).decode()
            yield ToolPart(tool.name, arguments)
            return
        sentences = _results(prompt.turns) if answered_tool else answer(scene, last)
        for number, sentence in enumerate(sentences):
            yield TextPart(f" {sentence}" if number else sentence)


def answer(scene: Scene, last: Turn | None) -> list[str]:
    """The sentences that answer the caller's last words."""
    if scene.persona.exact_words:
        return [scene.persona.exact_words]
    if last is None or (not scene.heard and not scene.earlier and last.role != "user"):
        return opening(scene)
    if last.role == "assistant":
        return ["Is there anything else that I can do for you?"]
    if not scene.heard:
        return ["I did not hear any words.", "Could you say that again?"]
    return answer_by_rule(scene) or _reflection(scene)


def _reflection(scene: Scene) -> list[str]:
    """What is left to say where no rule knows better: honest, short, and a question back."""
    follow_up = _FOLLOW_UPS[len(scene.earlier) % len(_FOLLOW_UPS)]
    said = quoted(_turned_around(scene.core or scene.heard))
    has_explained = any(WHAT_IT_IS in each for each in scene.answers)
    if _REQUEST.search(scene.core):
        limits = [] if has_explained else [WHAT_IT_IS]
        return [f"I understood your request: {quoted(scene.core)}.", *limits, follow_up]
    if _QUESTION.search(scene.core):
        if has_explained:
            return [
                f"I do not know the answer to that{scene.addressed()}.",
                "What else would you like to talk about?",
            ]
        return ["I do not know the answer to that.", WHAT_IT_IS, HOW_TO_IMPROVE]
    if len(said.split()) < 3:
        return [f"I heard: {quoted(scene.heard)}.", follow_up]
    return [f"So {said[0].lower() if not said.startswith('I ') else 'I'}{said[1:]}.", follow_up]


def _turned_around(text: str) -> str:
    """The caller's sentence as the agent would say it: "my order" becomes "your order"."""
    text = _I_WAS.sub("I were", text)
    return _WORD.sub(lambda word: _SWAPS.get(word[0].lower().replace("’", "'"), word[0]), text)  # noqa: RUF001  # the curly quote is meant


def _results(turns: tuple[Turn, ...]) -> list[str]:
    """What the tools that answered last have to say."""
    outputs = []
    for turn in reversed(turns):
        if turn.role != "tool_output":
            break
        outputs.append(turn.text)
    return [_result(output) for output in reversed(outputs)]


def _result(output: str) -> str:
    try:
        value = orjson.loads(output)
    except orjson.JSONDecodeError:
        value = output
    if isinstance(value, dict) and value.get("error"):
        failure = ", ".join(_phrases(value["error"], RESULT_DEPTH_MAX))
        return f"That did not work: {failure[:RESULT_CHARACTERS_MAX]}."
    text = ", ".join(_phrases(value, RESULT_DEPTH_MAX))[:RESULT_CHARACTERS_MAX].strip()
    if not text:
        return "That is done."
    return f"Here is the result: {text}" + ("" if text[-1] in ".!?" else ".")


def _phrases(value: object, depth: int) -> Iterator[str]:
    """A JSON value in words: "temperature 21, sky clear"."""
    if isinstance(value, dict) and depth:
        for key, inner in value.items():
            said = ", ".join(_phrases(inner, depth - 1))
            if said:
                yield f"{key.replace('_', ' ')}: {said}"
    elif isinstance(value, list) and depth:
        for inner in value:
            yield from _phrases(inner, depth - 1)
    elif isinstance(value, bool):
        yield "yes" if value else "no"
    elif isinstance(value, str | int | float):
        yield str(value).strip()
