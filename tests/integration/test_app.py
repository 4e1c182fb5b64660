"""What the server is made of, as its settings say."""

import pytest
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr

from voicehub.app import ECHO, LOCAL, create_app
from voicehub.errors import EngineError
from voicehub.keys import ENGINES, GOOGLE, IDENTITY_PROVIDER, RESET_MAILS
from voicehub.remotes import UpstreamSettings
from voicehub.settings import Settings


@pytest.fixture
def settings(store_environment, tmp_path):
    return Settings(
        **store_environment,
        PORT=0,
        VOICEHUB_JWT_KEYS="k1:" + "s" * 40,
        VOICEHUB_ENGINE=ECHO,
        VOICEHUB_SPOOL=tmp_path / "spool",
    )


async def test_ways_to_sign_in_are_there_where_settings_ask_for_them(settings):
    app = create_app(settings)
    async with TestClient(TestServer(app)) as client:
        assert not {GOOGLE, IDENTITY_PROVIDER, RESET_MAILS} & set(app)
        response = await client.post("/v1/auth/google", json={"id_token": "x"})
        assert response.status == 404
        assert (await response.json())["code"] == "not_configured"
        response = await client.post("/v1/auth/password_resets", json={"email": "a@b"})
        assert response.status == 202
    asked = {
        "google_client_ids": ["client-1"],
        "idp_issuer": "https://idp.example",
        "idp_audience": "voicehub",
        "idp_jwks_url": "https://idp.example/keys",
        "smtp_url": SecretStr("smtp://127.0.0.1:1"),
        "mail_from": "hub@voice.example",
        "password_reset_url": "https://voice.example/reset",
    }
    app = create_app(settings.model_copy(update=asked))
    async with TestClient(TestServer(app)) as client:
        assert {GOOGLE, IDENTITY_PROVIDER, RESET_MAILS} <= set(app)
        response = await client.post("/v1/auth/google", json={"id_token": "x"})
        assert response.status == 401
        ways = await (await client.get("/v1/auth/methods")).json()
        assert ways["password"] == {"reset_by_mail": True}
        assert ways["google"]["client_id"] == "client-1"


async def test_the_offline_engine_is_not_loaded_beside_the_echo_engine(settings):
    app = create_app(settings)
    async with TestClient(TestServer(app)):
        assert set(app[ENGINES]) == {LOCAL, ECHO}
        app[ENGINES][ECHO]()
        with pytest.raises(EngineError):
            app[ENGINES][LOCAL]()


async def test_upstream_engines_are_there_under_their_names(settings, monkeypatch):
    monkeypatch.setenv("CLOUD_KEY", "sk-secret")
    monkeypatch.delenv("OTHER_KEY", raising=False)
    address = {"url": "wss://api.example/v1/realtime"}
    configured = {
        "cloud": UpstreamSettings(**address, key_env="CLOUD_KEY"),
        "keyless": UpstreamSettings(**address, key_env="OTHER_KEY"),
        "lan": UpstreamSettings(**address),
    }
    app = create_app(settings.model_copy(update={"engines": configured}))
    async with TestClient(TestServer(app)):
        assert set(app[ENGINES]) == {LOCAL, ECHO, *configured}
        app[ENGINES]["cloud"]()
        app[ENGINES]["lan"]()
        with pytest.raises(EngineError, match="its key is not set"):
            app[ENGINES]["keyless"]()
