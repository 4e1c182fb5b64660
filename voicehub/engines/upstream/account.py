"""Where an upstream realtime API is, and how this server proves itself to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from yarl import URL

# The query may name the model already: OpenAI's own key, and Azure's older one.
_MODEL_KEYS = ("model", "deployment")
DEFAULT_TRANSCRIPTION = "gpt-4o-mini-transcribe"


@dataclass(frozen=True, slots=True)
class Upstream:
    """One entry of `VOICEHUB_ENGINES`. Its repr is its name: address and key are nobody's business.

    `session_max_s` is the longest that the upstream keeps a connection.
    """

    name: str
    url: str = field(repr=False)
    model: str | None = field(default=None, repr=False)
    key: str | None = field(default=None, repr=False)
    auth: str = field(default="bearer", repr=False)
    more_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    session_max_s: float = field(default=3600.0, repr=False)
    transcription_model: str = field(default=DEFAULT_TRANSCRIPTION, repr=False)

    def address(self) -> URL:
        """What to connect to."""
        url = URL(self.url)
        if self.model is None or any(key in url.query for key in _MODEL_KEYS):
            return url
        return url.update_query(model=self.model)

    def headers(self) -> dict[str, str]:
        headers = dict(self.more_headers)
        if self.key is not None and self.auth == "api-key":
            headers["api-key"] = self.key
        elif self.key is not None:
            headers["Authorization"] = f"Bearer {self.key}"
        return headers
