"""What the server is made of, as its settings say."""

import pytest
from aiohttp.test_utils import TestClient, TestServer

from voicehub.app import ECHO, LOCAL, create_app
from voicehub.errors import EngineError
from voicehub.keys import ENGINES
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
