"""Text cut where the listening stopped: at a whole word, for one only begun was not heard."""

import re

# Scripts that put no space between words; there the cut is made between any two letters.
# Thai and Lao, Burmese, Khmer, kana, and Chinese characters.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"
)


def whole_words(text: str, characters: float) -> str:
    """The words that end within the first `characters` of `text`."""
    cut = round(min(max(0.0, characters), len(text)))
    kept, rest = text[:cut], text[cut:]
    if not kept or not rest or kept[-1].isspace() or rest[0].isspace():
        return kept
    if _UNSPACED.match(kept[-1]) or _UNSPACED.match(rest[0]):
        return kept
    last_space = next((at for at in range(cut, 0, -1) if kept[at - 1].isspace()), 0)
    return kept[:last_space]
