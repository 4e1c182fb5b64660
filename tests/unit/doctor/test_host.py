import resource

import pytest
from pydantic import SecretStr

from voicehub.doctor import host
from voicehub.doctor.finding import State
from voicehub.settings import Settings, ToolSettings, UpstreamSettings

STORES = {
    "DATABASE_URL": "postgresql://host/database",
    "REDIS_URL": "redis://host",
    "SPACES_ENDPOINT": "http://host",
    "SPACES_KEY": "key",
    "SPACES_SECRET": "secret",
}
LONG = "k1:" + "s" * 40


def settings(**more):
    return Settings(**{**STORES, "VOICEHUB_JWT_KEYS": LONG, **more})


async def test_a_folder_that_can_be_written_is_left_as_it_was(tmp_path):
    folder = tmp_path / "new" / "spool"
    (finding,) = await host.look_at_spool(folder, 1)
    assert finding.state is State.OK
    assert not list(folder.iterdir())


async def test_a_folder_that_cannot_be_written_fails(tmp_path):
    (tmp_path / "file").write_text("in the way")
    (finding,) = await host.look_at_spool(tmp_path / "file" / "spool", 1)
    assert finding.state is State.FAILED
    assert "Not a directory" in finding.what


async def test_a_full_disk_is_a_warning(tmp_path, monkeypatch):
    monkeypatch.setattr(host, "FREE_BYTES_MIN", 1 << 62)
    (finding,) = await host.look_at_spool(tmp_path, 1 << 61)
    assert finding.state is State.WARNING


async def test_few_open_files_are_a_warning():
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, limits[1]))
    try:
        (finding,) = await host.look_at_limits()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert finding.state is State.WARNING
    assert "1024" in finding.what


@pytest.mark.parametrize("keys", ["k1:short", "nokid", f"{LONG},{LONG}"])
async def test_signing_keys_that_cannot_be_used_fail_and_stay_secret(keys):
    (finding,) = await host.look_at_keys(settings(VOICEHUB_JWT_KEYS=keys))
    assert finding.state is State.FAILED
    assert "short" not in finding.what.replace("shorter", "")
    assert "sss" not in str(finding)


async def test_each_key_that_the_settings_name_is_looked_for():
    known = settings().model_copy(
        update={
            "engines": {
                "cloud": UpstreamSettings(url="wss://host", key_env="CLOUD_KEY"),
                "lan": UpstreamSettings(url="ws://host"),
            },
            "tools": {"weather": ToolSettings(url="https://host", secret_env="WEATHER_KEY")},
        }
    )
    found = await host.look_at_keys(known, {"CLOUD_KEY": "s3cret"})
    states = {finding.subject: finding.state for finding in found}
    assert states == {
        "Signing keys": State.OK,
        "Engine cloud": State.OK,
        "Tool weather": State.FAILED,
    }
    assert "s3cret" not in str(found)
    assert isinstance(known.database_url, SecretStr)
