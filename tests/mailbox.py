"""A real SMTP server on this machine, and the mails that it got."""

import asyncio
import email
import email.policy
import ssl
from contextlib import asynccontextmanager

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


class Mailbox:
    def __init__(self):
        self.mails = asyncio.Queue()
        self.logins = []
        self.refusal = None
        self.is_tls = False
        self.host, self.port = "127.0.0.1", 0

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802 - aiosmtpd's name
        if self.refusal:
            return self.refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, session, envelope):  # noqa: N802 - aiosmtpd's name
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.mails.put_nowait((envelope.rcpt_tos, mail, self.is_tls or session.ssl is not None))
        return "250 OK"

    def authenticate(self, _server, _session, _envelope, _mechanism, given):
        self.logins.append(given)
        is_right = given == LoginPassword(b"mailer", b"pass word")
        # What is not handled here is answered by aiosmtpd: 535.
        return AuthResult(success=is_right, handled=is_right)

    @asynccontextmanager
    async def served(self, tls=None, *, from_the_start=False):
        self.is_tls = from_the_start
        loop = asyncio.get_running_loop()
        ends = []

        def new_session():
            session = SMTP(
                self,
                hostname="mail.example",
                loop=loop,
                tls_context=None if from_the_start else tls,
                require_starttls=tls is not None and not from_the_start,
                authenticator=self.authenticate,
                auth_required=tls is not None and not from_the_start,
                auth_require_tls=not from_the_start,
            )
            ends.append(session)
            return session

        server = await loop.create_server(
            new_session, self.host, 0, ssl=tls if from_the_start else None
        )
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()
            for session in ends:
                if session._handler_coroutine is not None:
                    session._handler_coroutine.cancel()
                    await asyncio.wait([session._handler_coroutine])


def server_tls(certificate, key):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    return tls
