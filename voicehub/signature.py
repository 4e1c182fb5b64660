"""Signs what is posted, in the form of Standard Webhooks, so that its reader knows who sent it."""

import hashlib
import hmac
from collections.abc import Sequence

import pybase64

# A key that begins so is base64; any other is taken as it stands.
_ENCODED = "whsec_"


def key_of(secret: str) -> bytes:
    """The key that `secret` stands for. Raises ValueError where it is no base64, or empty."""
    key = (
        pybase64.b64decode(secret.removeprefix(_ENCODED), validate=True)
        if secret.startswith(_ENCODED)
        else secret.encode()
    )
    if not key:
        raise ValueError("an empty key")
    return key


def signed_headers(
    keys: Sequence[bytes], message_id: str, unix_s: int, body: bytes
) -> dict[str, str]:
    """The three headers for `body`, posted at `unix_s`, with a signature by each of the keys."""
    signed = b".".join((message_id.encode(), str(unix_s).encode(), body))
    digests = (hmac.new(key, signed, hashlib.sha256).digest() for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(unix_s),
        "webhook-signature": " ".join(
            f"v1,{pybase64.b64encode(each).decode()}" for each in digests
        ),
    }
