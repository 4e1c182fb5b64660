"""Duration tokens: what a response counts where no model counts for itself."""

from math import ceil
from typing import Any

# The realtime-costs guide: user audio is 1 token per 100 ms, agent audio 1 per 50 ms.
USER_MS_PER_TOKEN = 100
AGENT_MS_PER_TOKEN = 50
# The usual rule of thumb for English text.
TEXT_BYTES_PER_TOKEN = 4


def user_audio_tokens(duration_ms: float) -> int:
    return _rounded_up(duration_ms, USER_MS_PER_TOKEN)


def agent_audio_tokens(duration_ms: float) -> int:
    return _rounded_up(duration_ms, AGENT_MS_PER_TOKEN)


def text_tokens(size_bytes: int) -> int:
    """Tokens of `size_bytes` bytes of UTF-8 text."""
    return _rounded_up(size_bytes, TEXT_BYTES_PER_TOKEN)


def duration_usage(
    user_ms: float, agent_ms: float, text_in: int, text_out: int, *, text_cached: int = 0
) -> dict[str, Any]:
    """The `usage` of one response: `text_cached` lies inside `text_in`, audio and text sum up."""
    audio_in, audio_out = user_audio_tokens(user_ms), agent_audio_tokens(agent_ms)
    cached = min(text_cached, text_in)
    return {
        "total_tokens": audio_in + text_in + audio_out + text_out,
        "input_tokens": audio_in + text_in,
        "output_tokens": audio_out + text_out,
        "input_token_details": {
            "text_tokens": text_in,
            "audio_tokens": audio_in,
            "image_tokens": 0,
            "cached_tokens": cached,
            "cached_tokens_details": {
                "text_tokens": cached,
                "audio_tokens": 0,
                "image_tokens": 0,
            },
        },
        "output_token_details": {"text_tokens": text_out, "audio_tokens": audio_out},
    }


def _rounded_up(amount: float, per_token: int) -> int:
    # Durations are sums of sample counts: a billionth above a whole token is rounding, not audio.
    return ceil(round(amount / per_token, 6))
