"""Numbers as people say and write them ("twenty-one", "2,500"), and sums made of them."""

import re
from collections.abc import Sequence

# Larger operands are not worked out: nobody checks such a sum by ear.
OPERAND_MAX = 1e12
OPERANDS_MAX = 8

_UNIT_WORDS = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen
    fifteen sixteen seventeen eighteen nineteen
"""
_UNITS = {word: value for value, word in enumerate(_UNIT_WORDS.split())}
_TENS = {
    word: value
    for value, word in zip(
        range(20, 100, 10),
        ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"),
        strict=True,
    )
}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
# "hundred hundred hundred ..." ends here.
_WORDED_MAX = 10**15
_NUMBER_WORDS = frozenset((*_UNITS, *_TENS, *_SCALES))

_TOKEN = re.compile(
    r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?:st|nd|rd|th)?\b|%|[a-z]+(?:'[a-z]+)?|[+*/×÷()-]",  # noqa: RUF001  # the signs themselves are meant
    re.IGNORECASE,
)
_OPERATORS = {
    "plus": "+", "+": "+", "minus": "-", "-": "-", "times": "*", "*": "*", "×": "*", "/": "/",  # noqa: RUF001  # as above
    "multiplied": "*", "divided": "/", "over": "/", "÷": "/", "%": "%", "percent": "%",
}  # fmt: skip
_FILLERS = frozenset(("by", "of"))

Token = float | str


def numbers_in(text: str) -> list[float]:
    """Every number of `text`, in order."""
    return [token for token in _tokens(text) if isinstance(token, float)]


def sum_in(text: str) -> float | None:
    """The result of the sum that `text` asks for; None where there is none.

    Raises ZeroDivisionError where it divides by zero.
    """
    run = _sum_tokens(_tokens(text))
    if len(run) < 3:
        return None
    values, operators = run[::2], run[1::2]
    numbers = [value for value in values if isinstance(value, float)]
    if len(numbers) > OPERANDS_MAX or any(abs(number) > OPERAND_MAX for number in numbers):
        return None
    return _evaluated(numbers, [str(each) for each in operators])


def spoken(number: float) -> str:
    """A number as it is best read aloud."""
    rounded = round(number, 4)
    return f"{int(rounded):,}" if rounded.is_integer() else f"{rounded:,}"


def _tokens(text: str) -> list[Token]:
    """Numbers as floats, everything else as lower-case words."""
    # "twenty-one" is one number; "7 - 2" and "-3" keep their sign.
    words = _TOKEN.findall(re.sub(r"(?<=[a-z])-(?=[a-z])", " ", text.lower()))
    tokens: list[Token] = []
    at = 0
    while at < len(words):
        if words[at] in _NUMBER_WORDS:
            end = at + 1
            while end < len(words) and _continues_number(words, end):
                end += 1
            tokens.append(_worded(words[at:end]))
            at = end
        else:
            tokens.append(
                _digits(words[at])
                if words[at][-1].isdigit() or words[at][0].isdigit()
                else words[at]
            )
            at += 1
    return tokens


def _continues_number(words: Sequence[str], at: int) -> bool:
    """Whether the number before goes on: "twenty ONE", "two HUNDRED AND five", not "one TWO"."""
    before, word = words[at - 1], words[at]
    if word in _SCALES:
        return True
    if word == "and":
        return before in _SCALES and at + 1 < len(words) and words[at + 1] in _NUMBER_WORDS
    if before in _SCALES or before == "and":
        return word in _NUMBER_WORDS
    return before in _TENS and 0 < _UNITS.get(word, 0) < 10


def _worded(words: Sequence[str]) -> float:
    total = group = 0
    for word in words:
        if word == "hundred":
            group = min(max(group, 1) * 100, _WORDED_MAX)
        elif word in _SCALES:
            total = min(total + max(group, 1) * _SCALES[word], _WORDED_MAX)
            group = 0
        else:
            group += _UNITS.get(word, 0) + _TENS.get(word, 0)
    return float(total + group)


def _digits(word: str) -> float:
    return float(re.sub(r"[^\d.-]", "", word)[:300])


def _sum_tokens(tokens: Sequence[Token]) -> list[Token]:
    """The longest run number, operator, number, ...; "percent of" counts as an operator."""
    best: list[Token] = []
    run: list[Token] = []
    for token in tokens:
        wants_number = len(run) % 2 == 0
        if isinstance(token, float):
            # "7 -2" is a subtraction too.
            if not wants_number and token < 0:
                run += ["-", -token]
            else:
                run = [*run, token] if wants_number else [token]
        elif token in _OPERATORS and not wants_number:
            run.append(_OPERATORS[token])
        elif token not in _FILLERS or wants_number is False:
            run = []
        best = max(best, run[: len(run) - (len(run) + 1) % 2], key=len)
    return best


def _evaluated(numbers: Sequence[float], operators: Sequence[str]) -> float:
    """Products before sums, as in school."""
    terms = [numbers[0]]
    for operator, number in zip(operators, numbers[1:], strict=True):
        if operator == "*":
            terms[-1] *= number
        elif operator == "/":
            terms[-1] /= number
        elif operator == "%":
            terms[-1] *= number / 100
        else:
            terms.append(number if operator == "+" else -number)
    return sum(terms)
