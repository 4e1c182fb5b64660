"""What the first `voicehub dev` finds in its database: a team, two users, plans, two agents."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from voicehub.storage import queries
from voicehub.storage.postgres import Connection

LOCK_KEY = 0x73656564  # "seed": any number that no one else locks
TEAM_NAME = "demo"
USER_EMAIL = "demo@voicehub.local"
ADMIN_EMAIL = "admin@voicehub.local"
PLAN_NAME = "Business"
_PASSWORD_BYTES = 12
_SQL = queries.load("seed")


@dataclass(frozen=True, slots=True, repr=False)
class Seeded:
    """Who can sign in; no repr, for the passwords."""

    team_id: int
    is_new: bool
    """False when an earlier start has seeded: nothing was changed, the passwords are unknown."""
    user_email: str
    user_password: str | None
    admin_email: str
    admin_password: str | None


@dataclass(frozen=True, slots=True)
class _Plan:
    name: str
    description: str
    max_audio_tokens: Decimal
    max_text_tokens: Decimal
    monthly_price: Decimal
    annual_price: Decimal


@dataclass(frozen=True, slots=True)
class _Agent:
    name: str
    description: str
    persona_prompt: str
    system_prompt: str


# A minute of conversation takes some 900 audio tokens at the offline engine's rates.
_PLANS = (
    _Plan(
        "Free",
        "About an hour of conversation a month, to try it.",
        Decimal(50_000),
        Decimal(100_000),
        Decimal(0),
        Decimal(0),
    ),
    _Plan(
        "Starter",
        "About eighteen hours of conversation a month.",
        Decimal(1_000_000),
        Decimal(2_000_000),
        Decimal(29),
        Decimal(290),
    ),
    _Plan(
        PLAN_NAME,
        "About fifteen days of conversation a month.",
        Decimal(20_000_000),
        Decimal(40_000_000),
        Decimal(399),
        Decimal(3990),
    ),
)

_AGENTS = (
    _Agent(
        "Ava",
        "A friendly receptionist who takes messages and answers questions.",
        "You are Ava, the receptionist. You are warm, quick and polite, you greet people by name "
        "once you know it, and you never promise what you cannot keep.",
        "You speak on the phone. Answer in one or two short sentences, without lists or symbols. "
        "Ask one question at a time. Take a message when you cannot help: who is it, what is it "
        "about, and how can they be reached. Repeat numbers back to be sure.",
    ),
    _Agent(
        "Max",
        "A patient English tutor for conversation practice.",
        "You are Max, an English tutor. You are patient and encouraging, and curious about what "
        "people have to tell.",
        "You practise spoken English. Speak slowly, in short and simple sentences. Let the learner "
        "speak most of the time. When they make a mistake, say the correct sentence once, kindly, "
        "then go on with the conversation. End each turn with a question.",
    ),
)


async def seed(
    conn: Connection,
    *,
    hash_password: Callable[[str], str],
    user_password: str | None = None,
    admin_password: str | None = None,
) -> Seeded:
    """Make it all, or nothing if the team is there; passwords that are not given are random."""
    async with conn.transaction():
        await conn.execute(_SQL["lock"], LOCK_KEY)
        team_id = await conn.fetchval(_SQL["find_team"], TEAM_NAME)
        if team_id is not None:
            return Seeded(team_id, False, USER_EMAIL, None, ADMIN_EMAIL, None)
        user_password = user_password or secrets.token_urlsafe(_PASSWORD_BYTES)
        admin_password = admin_password or secrets.token_urlsafe(_PASSWORD_BYTES)
        team_id = await conn.fetchval(_SQL["insert_team"], "Demo team", TEAM_NAME)
        for email, display_name, password in (
            (USER_EMAIL, "Demo", user_password),
            (ADMIN_EMAIL, "Admin", admin_password),
        ):
            hashed = hash_password(password)
            await conn.execute(_SQL["insert_user"], team_id, email, display_name, hashed)
        await _insert_offers(conn)
        await conn.execute(_SQL["insert_subscription"], team_id, PLAN_NAME)
    return Seeded(team_id, True, USER_EMAIL, user_password, ADMIN_EMAIL, admin_password)


async def _insert_offers(conn: Connection) -> None:
    for plan in _PLANS:
        await conn.execute(
            _SQL["insert_plan"],
            plan.name,
            plan.description,
            plan.max_audio_tokens,
            plan.max_text_tokens,
            plan.monthly_price,
            plan.annual_price,
        )
    for agent in _AGENTS:
        await conn.execute(
            _SQL["insert_built_in_agent"],
            agent.name,
            agent.description,
            agent.persona_prompt,
            agent.system_prompt,
        )
