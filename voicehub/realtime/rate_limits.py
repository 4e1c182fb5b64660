"""What `rate_limits.updated` tells a client: that no engine limits it. The plan does, and in the
server's own words, so a provider's numbers, which are the operator's account, stay with us.
"""

from typing import Any

UNLIMITED = 2**31 - 1


def no_rate_limits() -> list[dict[str, Any]]:
    """The `rate_limits` of an event; clients know these two names."""
    limit = {"limit": UNLIMITED, "remaining": UNLIMITED, "reset_seconds": 0.0}
    return [{"name": name, **limit} for name in ("requests", "tokens")]
