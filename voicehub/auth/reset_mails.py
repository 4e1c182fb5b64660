"""Mails the links by which people choose a new password, apart from the requests that ask for them.

The request is answered before anybody looks whether the address is known, so neither the answer nor
its time tells.
"""

import asyncio
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

import structlog

from voicehub.auth.passwords import mark
from voicehub.auth.smtp import MailServer, NotSentError
from voicehub.auth.tokens import Tokens
from voicehub.errors import StorageError
from voicehub.storage import users
from voicehub.storage.postgres import Postgres
from voicehub.storage.users import User
from voicehub.tasks import spawn, stop

# Requests that wait for the mail server; beyond, a request is dropped, and its sender asks again.
WAITING_MAX = 200
# At the end, what waits has so long to be sent.
CLOSE_S = 5.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Asked:
    email: str = field(repr=False)
    team: str | None


def reset_url(page_url: str, token: str) -> str:
    """In the fragment, which no browser sends: not to servers, their logs, nor in a Referer."""
    return f"{page_url}#token={token}"


class ResetMails:
    """Owns the task that sends. The app closes it."""

    def __init__(
        self, postgres: Postgres, tokens: Tokens, server: MailServer, *, sender: str, page_url: str
    ) -> None:
        self._postgres = postgres
        self._tokens = tokens
        self._server = server
        self._sender = sender
        self._page_url = page_url
        self._waiting: asyncio.Queue[_Asked] = asyncio.Queue(WAITING_MAX)
        self._task = spawn(self._send_all(), name="reset mails")

    def ask(self, email: str, team: str | None) -> None:
        """Send a link to each user with that address, by and by; to nobody if there is none."""
        try:
            self._waiting.put_nowait(_Asked(email, team))
        except asyncio.QueueFull:
            _log.warning("a reset mail is dropped", waiting=WAITING_MAX)

    async def sent(self) -> None:
        """Return when nothing waits."""
        await self._waiting.join()

    async def close(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_S):
                await self.sent()
        except TimeoutError:
            _log.warning("reset mails are left unsent", left=self._waiting.qsize())
        await stop(self._task)

    async def _send_all(self) -> None:
        while True:
            asked = await self._waiting.get()
            try:
                await self._send(asked)
            except StorageError:
                _log.warning("reset mails are not sent: the database is away")
            finally:
                self._waiting.task_done()

    async def _send(self, asked: _Asked) -> None:
        async with self._postgres.connection() as conn:
            found = await users.by_email(conn, asked.email.strip(), asked.team)
        for user in found:
            try:
                await self._server.send(self._message(user))
            except (NotSentError, ValueError) as error:
                # ValueError: an address that no mail can have. Whoever misses a mail asks again.
                _log.warning(
                    "a reset mail is not sent", user_id=user.id, error=type(error).__name__
                )

    def _message(self, user: User) -> EmailMessage:
        token, life_s = self._tokens.issue_password_reset(user, mark(user.password_hash))
        message = EmailMessage()
        message["From"] = self._sender
        # The address of the row, never the one that was asked with.
        message["To"] = user.email
        message["Subject"] = "Your new VoiceHub password"
        message["Date"] = formatdate()
        message["Message-ID"] = make_msgid(domain=self._sender.rpartition("@")[2].strip(" >"))
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday notice answers
        # The team's name, not its label: that any of its users may write, with lines of their own.
        message.set_content(
            f"Somebody, likely you, asked for a new password in the team {user.team_name}.\n\n"
            f"Choose it here within {life_s // 60} minutes:\n\n"
            f"{reset_url(self._page_url, token)}\n\n"
            "If it was not you, do nothing: the password stays as it is.\n"
        )
        return message
