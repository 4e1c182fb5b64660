import pytest
from pydantic import ValidationError

from voicehub.settings import Settings

REQUIRED = {
    "DATABASE_URL": "postgresql://u:hidden-1@127.0.0.1/db",
    "REDIS_URL": "redis://:hidden-2@127.0.0.1",
    "SPACES_ENDPOINT": "http://127.0.0.1:9000",
    "SPACES_KEY": "hidden-3",
    "SPACES_SECRET": "hidden-4",
    "VOICEHUB_JWT_KEYS": "new:aaaa, old:bbbb",
}


@pytest.fixture
def environment(monkeypatch):
    for field in Settings.model_fields.values():
        monkeypatch.delenv(field.alias, raising=False)
    for name, value in REQUIRED.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_the_environment_is_enough(environment):
    environment.setenv("PORT", "0")
    environment.setenv("VOICEHUB_ADMIN_EMAILS", " a@x.org ,, b@x.org")
    settings = Settings()
    assert settings.port == 0
    assert settings.jwt_keys == ["new:aaaa", "old:bbbb"]
    assert settings.admin_emails == ["a@x.org", "b@x.org"]
    assert settings.allowed_origins == []


def test_no_store_secret_shows_in_a_repr(environment):
    assert "hidden" not in repr(Settings())


@pytest.mark.parametrize("name", REQUIRED)
def test_what_is_required_is_asked_for_by_its_variable(environment, name):
    environment.delenv(name)
    with pytest.raises(ValidationError, match=name):
        Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "65536"),
        ("VOICEHUB_JWT_KEYS", " , "),
        ("VOICEHUB_CLIENT_SECRET_S", "7201"),
        ("VOICEHUB_CACHED_TOKEN_WEIGHT", "1.5"),
        ("VOICEHUB_REFRESH_TOKEN_S", "59"),
        ("VOICEHUB_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("VOICEHUB_TRUSTED_PROXIES", "proxy"),
        ("VOICEHUB_RECORDING_FORMAT", "mp3"),
        ("VOICEHUB_LOG", "loud"),
        ("VOICEHUB_METRICS_PORT", "65536"),
        ("VOICEHUB_ALLOWED_ORIGINS", "*"),
        ("VOICEHUB_ALLOWED_ORIGINS", "null"),
        ("VOICEHUB_ALLOWED_ORIGINS", "https://app.example/"),
        ("VOICEHUB_ALLOWED_ORIGINS", "https://App.example"),
        ("VOICEHUB_ALLOWED_ORIGINS", "app.example"),
    ],
)
def test_what_cannot_be_is_refused(environment, name, value):
    environment.setenv(name, value)
    with pytest.raises(ValidationError, match=name):
        Settings()


def test_tools_come_as_json(environment):
    environment.setenv(
        "VOICEHUB_TOOLS",
        '{"get_weather": {"url": "https://hidden-5.example/weather", "secret_env": "TOOL_KEY"}}',
    )
    tool = Settings().tools["get_weather"]
    assert (tool.timeout_s, tool.response_bytes_max, tool.allow_private) == (10, 16_384, False)
    environment.setenv("TOOL_KEY", "hidden-7")
    assert tool.secret().get_secret_value() == "hidden-7"
    assert "hidden" not in repr(Settings())
    environment.setenv("TOOL_KEY", "")
    assert tool.secret() is None


@pytest.mark.parametrize(
    "value",
    [
        "{",
        "[]",
        '{"look": {}}',
        '{"look": {"url": "ftp://hidden-5.example"}}',
        '{"look": {"url": "https://user:hidden-5@api.example"}}',
        '{"look": {"url": "https://api.example", "secret": "hidden-5"}}',
        '{"look": {"url": "https://api.example", "timeout_s": 0}}',
        '{"look": {"url": "https://api.example", "timeout_s": 61}}',
        '{"look": {"url": "https://api.example", "response_bytes_max": 0}}',
        '{"look up": {"url": "https://api.example"}}',
    ],
)
def test_a_tool_that_cannot_be_is_refused(environment, value):
    environment.setenv("VOICEHUB_TOOLS", value)
    with pytest.raises(ValidationError, match="VOICEHUB_TOOLS") as caught:
        Settings()
    assert "hidden-5" not in "".join(str(fault["msg"]) for fault in caught.value.errors())


def test_every_setting_names_its_variable_and_says_what_it_does():
    for name, field in Settings.model_fields.items():
        assert field.alias == field.alias.upper(), name
        assert field.description.endswith("."), name


def test_proxies_come_as_networks(environment):
    environment.setenv("VOICEHUB_TRUSTED_PROXIES", "10.0.0.0/8, 2001:db8::1")
    assert [str(each) for each in Settings().trusted_proxies] == ["10.0.0.0/8", "2001:db8::1/128"]


IDP = {
    "VOICEHUB_IDP_ISSUER": "https://idp.example",
    "VOICEHUB_IDP_AUDIENCE": "voicehub",
    "VOICEHUB_IDP_JWKS_URL": "https://idp.example/keys",
}
MAIL = {
    "VOICEHUB_SMTP_URL": "smtps://mailer:hidden-8@mail.example",
    "VOICEHUB_MAIL_FROM": "hub@voice.example",
    "VOICEHUB_PASSWORD_RESET_URL": "https://voice.example/reset",
}


@pytest.mark.parametrize("gone", IDP)
def test_an_identity_provider_is_set_whole(environment, gone):
    for name, value in IDP.items():
        environment.setenv(name, value)
    assert Settings().idp_audience == "voicehub"
    environment.delenv(gone)
    with pytest.raises(ValidationError, match="set together"):
        Settings()


def test_a_team_claim_alone_means_nothing(environment):
    environment.setenv("VOICEHUB_IDP_TEAM_CLAIM", "org")
    with pytest.raises(ValidationError, match="set together"):
        Settings()


@pytest.mark.parametrize("gone", ["VOICEHUB_MAIL_FROM", "VOICEHUB_PASSWORD_RESET_URL"])
def test_a_mail_server_wants_a_sender_and_a_page(environment, gone):
    for name, value in MAIL.items():
        environment.setenv(name, value)
    assert "hidden-8" not in repr(Settings())
    environment.delenv(gone)
    with pytest.raises(ValidationError, match="VOICEHUB_SMTP_URL wants"):
        Settings()


def test_links_for_a_new_password_lead_to_the_console_where_no_page_is_set(environment):
    assert Settings().reset_page_url is None
    for public_url in ("https://voice.example/hub", "https://voice.example/hub/"):
        environment.setenv("VOICEHUB_PUBLIC_URL", public_url)
        assert Settings().reset_page_url == "https://voice.example/hub/"
    for name, value in MAIL.items():
        environment.setenv(name, value)
    assert Settings().reset_page_url == MAIL["VOICEHUB_PASSWORD_RESET_URL"]
    environment.delenv("VOICEHUB_PASSWORD_RESET_URL")
    assert Settings().reset_page_url == "https://voice.example/hub/"


def test_no_link_for_a_new_password_leads_to_a_page_that_others_can_change(environment):
    environment.setenv("VOICEHUB_PUBLIC_URL", "http://voice.example")
    assert Settings().reset_page_url is None
    for name in ("VOICEHUB_SMTP_URL", "VOICEHUB_MAIL_FROM"):
        environment.setenv(name, MAIL[name])
    with pytest.raises(ValidationError, match="VOICEHUB_SMTP_URL wants"):
        Settings()


def test_links_and_keys_travel_by_tls_but_on_this_machine(environment):
    for url in ("http://127.0.0.1:9/keys", "http://localhost/keys", "https://idp.example"):
        environment.setenv("VOICEHUB_GOOGLE_JWKS_URL", url)
        assert Settings().google_jwks_url == url
    for url in ("http://idp.example/keys", "file:///etc/keys", "keys"):
        environment.setenv("VOICEHUB_GOOGLE_JWKS_URL", url)
        with pytest.raises(ValidationError, match="VOICEHUB_GOOGLE_JWKS_URL"):
            Settings()


def test_the_tls_files_are_set_together(environment, tmp_path):
    for name in ("VOICEHUB_TLS_CERT", "VOICEHUB_TLS_KEY"):
        (tmp_path / name).touch()
    environment.setenv("VOICEHUB_TLS_CERT", str(tmp_path / "VOICEHUB_TLS_CERT"))
    with pytest.raises(ValidationError, match="set together"):
        Settings()
    environment.setenv("VOICEHUB_TLS_KEY", str(tmp_path / "VOICEHUB_TLS_KEY"))
    assert Settings().tls_key == tmp_path / "VOICEHUB_TLS_KEY"


def test_a_tls_file_that_is_not_there_is_refused(environment, tmp_path):
    environment.setenv("VOICEHUB_TLS_CERT", str(tmp_path / "nothing.pem"))
    environment.setenv("VOICEHUB_TLS_KEY", str(tmp_path / "nothing.pem"))
    with pytest.raises(ValidationError, match="VOICEHUB_TLS_CERT"):
        Settings()


def test_upstream_engines_come_as_json(environment):
    environment.setenv(
        "VOICEHUB_ENGINES",
        '{"cloud": {"url": "wss://hidden-5.example/v1/realtime", "model": "gpt-realtime",'
        ' "key_env": "CLOUD_KEY", "headers": {"X-Key": "hidden-6"}}}',
    )
    cloud = Settings().engines["cloud"]
    assert cloud.model == "gpt-realtime"
    assert cloud.auth == "bearer"
    environment.setenv("CLOUD_KEY", "hidden-7")
    assert cloud.key().get_secret_value() == "hidden-7"
    assert "hidden" not in repr(Settings())
    environment.setenv("CLOUD_KEY", "")
    assert cloud.key() is None


@pytest.mark.parametrize(
    "value",
    [
        "{",
        "[]",
        '{"cloud": {}}',
        '{"cloud": {"url": "https://hidden-5.example/v1/realtime"}}',
        '{"cloud": {"url": "wss://user:hidden-5@api.example/v1/realtime"}}',
        '{"cloud": {"url": "wss://api.example", "key": "hidden-5"}}',
        '{"cloud": {"url": "wss://api.example", "auth": "basic"}}',
        '{"local": {"url": "wss://api.example"}}',
        '{"The cloud": {"url": "wss://api.example"}}',
    ],
)
def test_an_engine_that_cannot_be_is_refused(environment, value):
    environment.setenv("VOICEHUB_ENGINES", value)
    with pytest.raises(ValidationError, match="VOICEHUB_ENGINES") as caught:
        Settings()
    assert "hidden-5" not in "".join(str(fault["msg"]) for fault in caught.value.errors())
