import pytest

from voicehub.errors import VoiceHubError
from voicehub.server import serve
from voicehub.settings import Settings


async def test_what_is_no_certificate_stops_the_server_before_it_opens_anything(tmp_path):
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("not a certificate")
    settings = Settings(
        DATABASE_URL="postgresql://127.0.0.1:1/none",
        REDIS_URL="redis://127.0.0.1:1",
        SPACES_ENDPOINT="http://127.0.0.1:1",
        SPACES_KEY="key",
        SPACES_SECRET="secret",
        VOICEHUB_JWT_KEYS="k1:" + "s" * 40,
        VOICEHUB_TLS_CERT=str(tmp_path / "cert.pem"),
        VOICEHUB_TLS_KEY=str(tmp_path / "key.pem"),
    )
    ready = []
    with pytest.raises(VoiceHubError, match="VOICEHUB_TLS_CERT and VOICEHUB_TLS_KEY"):
        await serve(settings, ready.append)
    assert not ready
