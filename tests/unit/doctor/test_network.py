import asyncio
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from voicehub.doctor.finding import State
from voicehub.doctor.network import look_at_address, look_at_certificate


@pytest.fixture
def certificate(tmp_path):
    """Makes the files of one that lasts so many days from now."""

    def make(days, name="voice.example"):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        end = datetime.now(UTC) + timedelta(days=days)
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(end - timedelta(days=400))
            .not_valid_after(end)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(key, hashes.SHA256())
        )
        chain, private = tmp_path / f"{name}.pem", tmp_path / f"{name}.key"
        chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return chain, private

    return make


@pytest.mark.parametrize(
    ("days", "state"), [(90, State.OK), (5, State.WARNING), (-1, State.FAILED)]
)
async def test_the_servers_own_certificate_has_a_last_day(certificate, days, state):
    (finding,) = await look_at_certificate(*certificate(days))
    assert finding.state is state, finding
    if state is State.FAILED:
        assert "expired" in finding.what


async def test_files_that_do_not_belong_together_fail(certificate, tmp_path):
    chain, _ = certificate(90)
    _, key = certificate(90, "other.example")
    missing = tmp_path / "nothing.pem"
    for files in ((chain, key), (missing, key), (key, key)):
        (finding,) = await look_at_certificate(*files)
        assert finding.state is State.FAILED
    assert await look_at_certificate(None, None) == []


@pytest.mark.parametrize(
    ("address", "state"),
    [
        ("http://localhost:8080", State.OK),
        ("http://voice.example", State.WARNING),
        ("wss://voice.example", State.FAILED),
        ("https://[", State.FAILED),
        ("voice.example", State.FAILED),
    ],
)
async def test_a_public_address_is_http_with_tls(address, state):
    (finding,) = await look_at_address(address)
    assert finding.state is state


async def test_the_certificate_that_clients_see_is_looked_at(certificate, unused_tcp_port):
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(*certificate(90, "localhost"))
    address = f"https://localhost:{unused_tcp_port}"
    (finding,) = await look_at_address(address)
    assert finding.state is State.WARNING, "nobody listens"
    server = await asyncio.start_server(
        lambda _reader, writer: writer.close(), "127.0.0.1", unused_tcp_port, ssl=tls
    )
    async with server:
        (finding,) = await look_at_address(address)
    assert finding.state is State.FAILED
    assert "self" in finding.what, "nobody trusts it"
    assert await look_at_address(None) == []
