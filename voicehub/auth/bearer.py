"""Where a request carries its token: the Authorization header, or WebSocket subprotocols."""

from multidict import MultiMapping

TOKEN_SUBPROTOCOL_PREFIX = "openai-insecure-api-key."  # noqa: S105 - a prefix, not a secret


def credential(headers: MultiMapping[str]) -> str | None:
    """The token of a request, or None. Two different ones are none: no guessing."""
    found = {*_from_authorization(headers), *_from_subprotocols(headers)}
    return found.pop() if len(found) == 1 else None


def offered_subprotocols(headers: MultiMapping[str]) -> list[str]:
    """What the client offers, without the token: safe to select from and to log."""
    return [
        name for name in _subprotocols(headers) if not name.startswith(TOKEN_SUBPROTOCOL_PREFIX)
    ]


def _from_authorization(headers: MultiMapping[str]) -> set[str]:
    found = set()
    for line in headers.getall("Authorization", []):
        scheme, _, token = line.strip().partition(" ")
        # RFC 9110 section 11.1: the scheme's name is case-insensitive.
        if scheme.lower() == "bearer" and token.strip():
            found.add(token.strip())
    return found


def _from_subprotocols(headers: MultiMapping[str]) -> set[str]:
    return {
        token
        for name in _subprotocols(headers)
        if (token := name.removeprefix(TOKEN_SUBPROTOCOL_PREFIX)) != name and token
    }


def _subprotocols(headers: MultiMapping[str]) -> list[str]:
    # RFC 6455 section 11.3.4: the header may stand several times, which is the same as one list.
    lines = headers.getall("Sec-WebSocket-Protocol", [])
    return [name.strip() for line in lines for name in line.split(",") if name.strip()]
