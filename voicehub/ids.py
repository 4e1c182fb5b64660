"""Ids of what the server makes."""

import secrets


def new_id(prefix: str) -> str:
    """An id that nothing else has: `event_` and 24 characters."""
    return f"{prefix}_{secrets.token_hex(12)}"
