"""`voicehub serve` over TLS as a process of its own, and the line between a client and it."""

import asyncio
import json
import os
import re
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

READY_S_MAX = 60.0
STOP_S_MAX = 30.0
COPY_BYTES = 1 << 16


@dataclass(frozen=True)
class Certificate:
    """Self-signed, for 127.0.0.1: whoever trusts `cert` trusts the server."""

    cert: Path
    key: Path

    def trusting(self) -> ssl.SSLContext:
        """What a client of ours needs."""
        return ssl.create_default_context(cafile=str(self.cert))

    @classmethod
    def made_in(cls, folder: Path) -> Self:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "VoiceHub conformance")])
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), False
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        )
        made = cls(folder / "server.crt", folder / "server.key")
        encoding = serialization.Encoding.PEM
        made.cert.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(encoding))
        made.key.write_bytes(
            key.private_bytes(
                encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return made


@dataclass
class Served:
    """A server that listens. `log` grows while it runs."""

    url: str
    log: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def complaints(self) -> list[dict[str, Any]]:
        """What it logged above `info`."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line]
        return [line for line in lines if line["level"] not in {"info", "debug"}]


@asynccontextmanager
async def served(environment: dict[str, str], folder: Path) -> AsyncIterator[Served]:
    """`voicehub serve`, from the moment that it listens to its end, which must be a clean one."""
    log = folder / "server.log"
    with log.open("wb") as sink:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "voicehub", "serve", "--port", "0"),
            env={**os.environ, **environment, "VOICEHUB_LOG": "json"},
            stdout=asyncio.subprocess.PIPE,
            stderr=sink,
        )
    assert child.stdout is not None
    try:
        async with asyncio.timeout(READY_S_MAX):
            said = (await child.stdout.readline()).decode()
        found = re.search(r"listens on (\S+)", said)
        assert found, f"{said}{log.read_text()}"
        yield Served(found[1], log)
    finally:
        if child.returncode is None:
            child.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STOP_S_MAX):
            await child.wait()
    assert child.returncode == 0, log.read_text()


class Line:
    """A TCP line to the server that can be cut, as when a cable is pulled."""

    def __init__(self, port: int) -> None:
        self._server_port = port
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def port(self) -> int:
        return int(self._listener.sockets[0].getsockname()[1])

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.cut()
        self._listener.close()
        await self._listener.wait_closed()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _connected(
        self, client_reader: asyncio.StreamReader, client_writer: asyncio.StreamWriter
    ) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._server_port)
        both = {client_writer, writer}
        self._writers |= both
        try:
            async with asyncio.TaskGroup() as copying:
                copying.create_task(_copy(client_reader, writer))
                copying.create_task(_copy(reader, client_writer))
        finally:
            self._writers -= both
            for each in both:
                each.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(COPY_BYTES):
            writer.write(chunk)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except ConnectionError:
        # The other end is gone, or the line was cut: both ends fall.
        writer.transport.abort()
