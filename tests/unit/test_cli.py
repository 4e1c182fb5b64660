import pytest
from typer.testing import CliRunner

from voicehub.cli import app
from voicehub.settings import Settings

JOBS = (
    *("flush-usage", "sweep", "close-recordings", "turn-periods"),
    *("abort-uploads", "apply-retention"),
)


@pytest.fixture
def no_settings(monkeypatch):
    for field in Settings.model_fields.values():
        monkeypatch.delenv(field.alias, raising=False)
    return monkeypatch


def test_help_lists_every_command():
    shown = CliRunner().invoke(app, ["--help"])
    assert shown.exit_code == 0
    for name in ("serve", "worker", "migrate", "dev", "talk", "token", *JOBS):
        assert name in shown.output


@pytest.mark.parametrize("command", ["serve", "worker", "migrate", *JOBS])
def test_missing_settings_are_named_and_no_traceback_shown(no_settings, command):
    no_settings.setenv("DATABASE_URL", "postgresql://u:secret-word@127.0.0.1/db")
    result = CliRunner().invoke(app, [command])
    assert isinstance(result.exception, SystemExit)
    said = str(result.exception.code)
    assert "REDIS_URL: Field required" in said
    assert "`voicehub dev` needs none of them" in said
    assert "secret-word" not in said
