"""Speech to text: English, by Moonshine tiny. It knows no silence, so ask it for speech only."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from voicehub.engines.local.weights import open_model, weights_path

Samples = npt.NDArray[np.float32]

RATE_HZ = 16_000
# The time grows with the square of the length: 0.1 s for 3 s of speech, 1.5 s for 25 s.
PIECE_SAMPLES_MAX = 25 * RATE_HZ
# Fast speech has about 5 tokens a second; beyond this the model has lost the thread.
TOKENS_PER_S_MAX = 6.5
TOKENS_SPARE = 6
# A phrase said this often in a row is a loop of the decoder; single tokens need more ("no no no").
PHRASE_REPEATS_MAX = 4
TOKEN_REPEATS_MAX = 8
PHRASE_TOKENS_MAX = 10

# The encoder's first layer needs that much to give one frame.
_SAMPLES_MIN = 2048
_BEGIN, _END = 1, 2


class Moonshine:
    """The encoder and the decoder. It keeps nothing between pieces, so threads may share it."""

    def __init__(self) -> None:
        folder = weights_path("moonshine_voice", "assets/tiny-en")
        self._encoder = open_model(
            weights_path("moonshine_voice", "assets/tiny-en/encoder_model.ort")
        )
        self._decoder = open_model(folder / "decoder_model_merged.ort")
        self._tokens = read_tokens(folder / "tokenizer.bin")
        self._past = [
            each for each in self._decoder.get_inputs() if each.name.startswith("past_key_values")
        ]

    def transcribe(self, samples16k: Samples) -> str:
        """What is said in one piece; of a longer one than PIECE_SAMPLES_MAX only the beginning."""
        piece = np.ascontiguousarray(samples16k[:PIECE_SAMPLES_MAX], np.float32)
        if len(piece) < _SAMPLES_MIN:
            piece = np.pad(piece, (0, _SAMPLES_MIN - len(piece)))
        letters = b"".join(self._tokens[token] for token in self._decode(piece[None]))
        return letters.decode("utf-8", "replace").replace("\u2581", " ").strip()

    def _decode(self, piece: Samples) -> list[int]:
        """Greedy decoding: the likeliest token each time, until the end or a limit."""
        mask = np.ones(piece.shape, np.int64)
        encoded = self._encoder.run(None, {"input_values": piece, "attention_mask": mask})[0]
        feed = {
            "encoder_hidden_states": encoded,
            # Trap: the decoder wants this mask at the length of the samples, not of the frames.
            "encoder_attention_mask": mask,
            "input_ids": np.array([[_BEGIN]], np.int64),
            "use_cache_branch": np.array([False]),
            **{each.name: _empty_cache(each.shape) for each in self._past},
        }
        tokens: list[int] = []
        for _ in range(int(piece.shape[1] / RATE_HZ * TOKENS_PER_S_MAX) + TOKENS_SPARE):
            logits, *present = self._decoder.run(None, feed)
            token = int(logits[0, -1].argmax())
            if token == _END:
                break
            tokens.append(token)
            if surplus := looping_tokens(tokens):
                return tokens[:-surplus]
            self._remember(feed, token, present, first=len(tokens) == 1)
        return tokens

    def _remember(
        self, feed: dict[str, Any], token: int, present: list[Any], *, first: bool
    ) -> None:
        """Carry the caches to the next step; the encoder's own comes from the first step alone."""
        feed["input_ids"] = np.array([[token]], np.int64)
        feed["use_cache_branch"] = np.array([True])
        for each, cache in zip(self._past, present, strict=True):
            if first or ".decoder." in each.name:
                feed[each.name] = cache


def read_tokens(path: Path) -> list[bytes]:
    """The vocabulary: for each token its length (one byte, or two from 128 up) and its letters."""
    packed = path.read_bytes()
    tokens = []
    at = 0
    while at < len(packed):
        size = packed[at]
        at += 1
        if size >= 128:
            size += packed[at] * 128 - 128
            at += 1
        letters = packed[at : at + size]
        # Markers such as <s> and </s> are not said.
        tokens.append(b"" if letters.startswith(b"<") and letters.endswith(b">") else letters)
        at += size
    return tokens


def looping_tokens(tokens: list[int]) -> int:
    """How many tokens at the end only repeat a phrase too often; 0 while it is still speech."""
    for size in range(1, PHRASE_TOKENS_MAX + 1):
        repeats = TOKEN_REPEATS_MAX if size == 1 else PHRASE_REPEATS_MAX
        if len(tokens) < size * repeats:
            return 0
        end = tokens[-size * repeats :]
        if end == end[:size] * repeats:
            return size * (repeats - 1)
    return 0


def _empty_cache(shape: list[Any]) -> Samples:
    """A cache of no steps; `shape` is [batch, heads, steps, width], of which two are names."""
    return np.zeros((1, shape[1], 0, shape[3]), np.float32)
