"""`voicehub doctor`: looks at all that a server needs, and says what to do where it is not well."""

import asyncio
from collections.abc import Mapping

from voicehub.doctor.engines import look_at_engines
from voicehub.doctor.finding import Check, Finding, looked_at
from voicehub.doctor.host import look_at_keys, look_at_limits, look_at_spool
from voicehub.doctor.network import look_at_address, look_at_certificate
from voicehub.doctor.postgres import look_at_postgres
from voicehub.doctor.redis import look_at_redis
from voicehub.doctor.sign_in import look_at_mail, look_at_providers
from voicehub.doctor.spaces import look_at_spaces
from voicehub.engines.engine import EngineFactory
from voicehub.settings import Settings
from voicehub.storage.spaces import Spaces


async def examine(
    settings: Settings, spaces: Spaces, engines: Mapping[str, EngineFactory]
) -> list[Finding]:
    """Look at everything at once, each with a deadline of its own; found in the order of this."""
    looks: dict[str, Check] = {
        "Postgres": lambda: look_at_postgres(
            settings.database_url.get_secret_value(), settings.workers
        ),
        "Redis": lambda: look_at_redis(settings.redis_url.get_secret_value()),
        "Spaces": lambda: look_at_spaces(spaces),
        "Spool": lambda: look_at_spool(settings.spool_folder, settings.spool_bytes_max),
        "Keys": lambda: look_at_keys(settings),
        "Sign-in": lambda: look_at_providers(_providers(settings)),
        "Mail": lambda: look_at_mail(
            settings.smtp_url.get_secret_value() if settings.smtp_url else None
        ),
        "Engines": lambda: look_at_engines(engines, settings.default_engine),
        "Public address": lambda: look_at_address(settings.public_url),
        "Certificate": lambda: look_at_certificate(settings.tls_cert, settings.tls_key),
        "Open files": look_at_limits,
    }
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(looked_at(subject, check), name=f"look at {subject}")
            for subject, check in looks.items()
        ]
    return [finding for task in tasks for finding in task.result()]


def _providers(settings: Settings) -> dict[str, str]:
    urls = {"Google": settings.google_jwks_url} if settings.google_client_ids else {}
    if settings.idp_jwks_url:
        urls["the identity provider"] = settings.idp_jwks_url
    return urls
