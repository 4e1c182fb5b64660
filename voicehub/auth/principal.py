"""Who asks: a `Principal` exists only after authentication; storage takes its team from it."""

from dataclasses import dataclass, replace

from voicehub.errors import ForbiddenError

NO_TEAM = 0  # no row has this id: who belongs to no team finds nothing


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who proved who they are, and the team whose rows they may reach.

    Attributes:
        user_id: the user of that team; None for an admin, who acts for a team without being one of
            its users, and for a service.
        team_id: the team; NO_TEAM for a service that acts for none.
        email: the user's address, or what names the service.
        is_admin: whether they may administer the platform.
        actor: who they are, in the audit and wherever one is told from another.
        session_id: set when the proof was a client secret: it opens that session, nothing else.
    """

    user_id: int | None
    team_id: int
    email: str
    is_admin: bool
    actor: str
    session_id: int | None = None

    @property
    def own_user_id(self) -> int:
        """Raises ForbiddenError for who is no user of the team."""
        if self.user_id is None:
            raise ForbiddenError("Only a user of the team may do this.")
        return self.user_id

    @property
    def is_acting(self) -> bool:
        """Whether an admin does this for a team, and so for all its users."""
        return self.is_admin and self.user_id is None

    def acting_for(self, team_id: int) -> "Principal":
        """An admin at work on a team's rows."""
        return replace(self, user_id=None, team_id=team_id)


def fold_email(email: str) -> str:
    """Addresses compare without regard to ASCII case.

    Only ASCII: `str.lower` maps the Kelvin sign to `k`, and a look-alike must not become an admin.
    """
    return email.strip().translate(_ASCII_LOWER)


_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
