"""Makes written text fit for speaking: what is only seen (markup, links, pictures) goes."""

import re

_CODE_BLOCK = re.compile(r"```.*?(```|$)", re.DOTALL)
# Lengths are bounded, so that a hostile text cannot make a pattern slow.
_LINK = re.compile(r"!?\[([^\[\]]{0,300})\]\([^()\s]{0,1000}(?:\s[^()]{0,300})?\)")
# The end of a sentence is not part of the address.
_URL = re.compile(r"\b(?:https?://|www\.)\S*[^\s.,;:!?)\]}'\"]", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_LINE_MARK = re.compile(
    r"^[ \t]*(?:#{1,6}[ \t]+|>[ \t]?|[-*+•][ \t]+|[-=*_|: \t]{3,}$)", re.MULTILINE
)
_EMPHASIS = re.compile(r"(\*{1,3}|_{2,3}|~~|`+)(?=\S)(.{1,500}?)(?<=\S)\1")
_TIMES = re.compile(r"(?<=\d)\s*[*×]\s*(?=\d)")  # noqa: RUF001  # the sign itself is meant
_STRAY_MARK = re.compile(r"[*`#|\\{}\[\]~^]+|(?<!\w)_+|_+(?!\w)")
_DOTS = re.compile(r"\.{2,}|…")
_PHONE = re.compile(
    r"(?<![\w.$€£-])(?!\d{4}-\d\d-\d\d)\+?\(?\d{2,4}\)?(?:[-. ]\d{2,4}){2,4}(?![\w-])"
)
# The voice reads "No." as "number".
_NO = re.compile(r"\b([Nn]o)\.(?!\s*\d)")
_PICTURE = re.compile(r"[\u2190-\u2bff\ufe0f\U0001f000-\U0001faff]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u2028-\u202e\ufeff]")
_SPACES = re.compile(r"[ \t]+")
_LINE_ENDS = re.compile(r"\s*\n\s*")


def speakable(text: str) -> str:
    """`text` as it should be said; empty when nothing in it can be."""
    text = _CODE_BLOCK.sub(" ", text)
    text = _LINK.sub(r"\1", text)
    text = _URL.sub("the link", text)
    text = _TAG.sub(" ", text)
    text = _LINE_MARK.sub("", text)
    text = _EMPHASIS.sub(r"\2", text)
    text = _TIMES.sub(" times ", text)
    text = _STRAY_MARK.sub(" ", text)
    text = _PICTURE.sub(" ", _CONTROL.sub(" ", text))
    text = _DOTS.sub(".", text)
    text = _PHONE.sub(_digit_by_digit, text)
    text = _NO.sub(r"\1!", text)
    text = _LINE_ENDS.sub("\n", _SPACES.sub(" ", text)).strip()
    return text if any(letter.isalnum() for letter in text) else ""


def _digit_by_digit(match: re.Match[str]) -> str:
    """555-123-4567 is read as digits in groups, not as three numbers."""
    if sum(letter.isdigit() for letter in match[0]) < 7:
        return match[0]
    return ", ".join(" ".join(group) for group in re.findall(r"\d+", match[0]))
