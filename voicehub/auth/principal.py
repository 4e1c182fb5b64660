"""Who asks: a `Principal` exists only after authentication; storage takes its team from it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Principal:
    """A user who proved who they are.

    `session_id` is set when the proof was a client secret: it opens that session, nothing else.
    """

    user_id: int
    team_id: int
    email: str
    is_admin: bool
    session_id: int | None = None


def fold_email(email: str) -> str:
    """Addresses compare without regard to ASCII case.

    Only ASCII: `str.lower` maps the Kelvin sign to `k`, and a look-alike must not become an admin.
    """
    return email.strip().translate(_ASCII_LOWER)


_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
