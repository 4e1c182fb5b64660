import base64
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicehub.auth.principal import NO_TEAM, Principal
from voicehub.auth.tokens import CLOCK_LEEWAY_S, PASSWORD_RESET_S, PasswordReset, Tokens
from voicehub.errors import AuthenticationError, VoiceHubError

KEY = "k1:" + "a" * 32
OTHER_KEY = "k2:" + "b" * 32
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GOOD = {
    "iss": "voicehub",
    "aud": "voicehub",
    "sub": "7",
    "team": 3,
    "email": "ada@example.org",
    "iat": int(NOW.timestamp()),
    "exp": int(NOW.timestamp()) + 60,
}


@dataclass(frozen=True)
class User:
    id: int = 7
    team_id: int = 3
    email: str = "ada@example.org"


def tokens(keys=(KEY,), **settings):
    settings = {"access_token_s": 3600, "client_secret_s": 600} | settings
    return Tokens(keys, **settings)


def signed(claims, key="a" * 32, algorithm="HS256", headers=None):
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": "k1"} | (headers or {}))


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_an_access_token_proves_its_user():
    token, expires_in_s = tokens().issue_access(User(), now=NOW)
    assert expires_in_s == 3600
    assert tokens().verify(token, NOW) == Principal(
        7, 3, "ada@example.org", is_admin=False, actor="user:7"
    )


def test_a_client_secret_proves_its_user_for_one_session():
    asker = Principal(7, 3, "ada@example.org", is_admin=False, actor="user:7")
    secret, expires_at = tokens().issue_client_secret(asker, 42, now=NOW)
    assert secret.startswith("ek_")
    assert expires_at == int(NOW.timestamp()) + 600
    assert tokens().verify(secret, NOW).session_id == 42


def test_a_client_secret_may_be_shortened_but_not_lengthened():
    asker = Principal(7, 3, "ada@example.org", is_admin=False, actor="user:7")
    _, shorter = tokens().issue_client_secret(asker, 42, life_s=30, now=NOW)
    _, longer = tokens().issue_client_secret(asker, 42, life_s=7200, now=NOW)
    assert shorter - int(NOW.timestamp()) == 30
    assert longer - int(NOW.timestamp()) == 600


def test_admins_are_named_by_configuration_and_only_their_access_tokens_administer():
    issuer = tokens(admin_emails=["ADA@example.org"])
    access, _ = issuer.issue_access(User(), now=NOW)
    admin = issuer.verify(access, NOW)
    assert admin.is_admin
    secret, _ = issuer.issue_client_secret(admin, 42, now=NOW)
    assert not issuer.verify(secret, NOW).is_admin


def test_a_token_expires_after_the_leeway_for_clocks():
    token, _ = tokens().issue_access(User(), now=NOW)
    end = NOW + timedelta(seconds=3600 + CLOCK_LEEWAY_S)
    assert tokens().verify(token, end - timedelta(seconds=1))
    with pytest.raises(AuthenticationError) as caught:
        tokens().verify(token, end)
    assert caught.value.code == "token_expired"


def test_keys_rotate_by_kid():
    token, _ = tokens([KEY]).issue_access(User(), now=NOW)
    assert tokens([OTHER_KEY, KEY]).verify(token, NOW)
    with pytest.raises(AuthenticationError):
        tokens([OTHER_KEY]).verify(token, NOW)


def test_an_access_token_does_not_pass_as_a_client_secret_nor_the_reverse():
    issuer = tokens()
    access, _ = issuer.issue_access(User(), now=NOW)
    secret, _ = issuer.issue_client_secret(issuer.verify(access, NOW), 42, now=NOW)
    for forged in ("ek_" + access, secret.removeprefix("ek_")):
        with pytest.raises(AuthenticationError):
            issuer.verify(forged, NOW)


def test_a_service_token_administers_and_belongs_to_no_team():
    token = tokens().issue_service("nightly-report", days=2, now=NOW)
    assert tokens().verify(token, NOW) == Principal(
        None,
        NO_TEAM,
        "service:nightly-report",
        is_admin=True,
        actor="service:nightly-report",
    )
    with pytest.raises(AuthenticationError):
        tokens().verify(token, NOW + timedelta(days=2, seconds=CLOCK_LEEWAY_S))


@pytest.mark.parametrize("name", ["", "Upper", "-a", "a b", "a\n", "a" * 65, "ada@one.example"])
def test_a_service_is_named_plainly(name):
    with pytest.raises(VoiceHubError, match="name"):
        tokens().issue_service(name, days=1)
    forged = signed({**GOOD, "aud": "voicehub/admin", "sub": name})
    with pytest.raises(AuthenticationError):
        tokens().verify(forged, NOW)


def test_a_reset_token_tells_whose_password_it_replaces_for_an_hour():
    token, life_s = tokens().issue_password_reset(User(), "mark", now=NOW)
    assert life_s == PASSWORD_RESET_S == 3600
    assert tokens().read_password_reset(token, NOW) == PasswordReset(
        7, 3, "ada@example.org", "mark"
    )
    with pytest.raises(AuthenticationError):
        tokens().read_password_reset(token, NOW + timedelta(seconds=3600 + CLOCK_LEEWAY_S))


def test_no_kind_of_token_stands_in_for_another():
    issuer = tokens()
    access, _ = issuer.issue_access(User(), now=NOW)
    secret, _ = issuer.issue_client_secret(issuer.verify(access, NOW), 42, now=NOW)
    reset, _ = issuer.issue_password_reset(User(), "mark", now=NOW)
    service = issuer.issue_service("report", days=1, now=NOW)
    for forged in (reset, "ek_" + reset, "ek_" + service):
        with pytest.raises(AuthenticationError):
            issuer.verify(forged, NOW)
    for forged in (access, secret, secret.removeprefix("ek_"), service):
        with pytest.raises(AuthenticationError):
            issuer.read_password_reset(forged, NOW)


def test_a_user_token_never_turns_into_a_service_by_its_claims():
    forged = signed({**GOOD, "aud": ["voicehub/admin"], "sub": "report"})
    with pytest.raises(AuthenticationError):
        tokens().verify(forged, NOW)


def test_tokens_are_legal_websocket_subprotocols():
    issuer = tokens(["key one ü:" + "a" * 32])
    access, _ = issuer.issue_access(User(email="ü@example.org"), now=NOW)
    secret, _ = issuer.issue_client_secret(issuer.verify(access, NOW), 42, now=NOW)
    # RFC 9110 section 5.6.2, `token`.
    legal = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
    assert legal.fullmatch(access)
    assert legal.fullmatch(secret)


@pytest.mark.parametrize(
    "claims",
    [
        *({name: value for name, value in GOOD.items() if name != gone} for gone in GOOD),
        GOOD | {"iss": "other"},
        GOOD | {"aud": "other"},
        GOOD | {"aud": ["voicehub", "voicehub/realtime"]},
        GOOD | {"sub": "0"},
        GOOD | {"sub": "-1"},
        GOOD | {"sub": "१२"},
        GOOD | {"sub": "9" * 19},
        GOOD | {"sub": "9" * 30},
        GOOD | {"team": True},
        GOOD | {"team": 1.5},
        GOOD | {"team": None},
        GOOD | {"team": 2**63},
        GOOD | {"email": 5},
        GOOD | {"exp": "never"},
        GOOD | {"exp": True},
        GOOD | {"exp": float("nan")},
        GOOD | {"exp": 10**400},
    ],
)
def test_a_signed_token_with_wrong_claims_is_refused(claims):
    if "iat" not in claims:
        claims = claims | {"sub": "0"}
    with pytest.raises(AuthenticationError):
        tokens().verify(signed(claims), NOW)


def test_the_sample_of_a_right_token_is_accepted():
    assert tokens().verify(signed(GOOD), NOW).user_id == 7


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "ek_",
        "a.b",
        "a.b.c",
        "a.b.c.d",
        "\udc80.\x00.é",
        "x" * 100_000,
        signed(GOOD, key="c" * 32),
        signed(GOOD, algorithm="HS512", key="a" * 64),
        signed(GOOD, headers={"kid": "k9"}),
        signed(GOOD) + "\n",
        f"{part({'alg': 'none', 'kid': 'k1'})}.{part(GOOD)}.",
        f"{part({'alg': 'none', 'kid': 'k1'})}.{part(GOOD)}.AA",
        f"{part({'alg': 'HS256', 'kid': ['k1']})}.{part(GOOD)}.AA",
        f"{part({'alg': 'HS256', 'kid': {}})}.{part(GOOD)}.AA",
        f"{part({'alg': 'HS256'})}.{part(GOOD)}.AA",
        f"{part([])}.{part(GOOD)}.AA",
        f"{base64.urlsafe_b64encode(b'[' * 1500).decode()}.{part(GOOD)}.AA",
    ],
)
def test_a_forged_token_is_refused(forged):
    with pytest.raises(AuthenticationError):
        tokens().verify(forged, NOW)


@given(st.text(alphabet=st.characters()))
def test_any_text_is_refused_and_never_crashes(text):
    with pytest.raises(AuthenticationError):
        tokens().verify(text, NOW)


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ([], "no signing key"),
        (["justasecretwithoutanykidthatislong"], "kid:secret"),
        ([":" + "a" * 32], "kid:secret"),
        (["k1:short-secret"], "32 bytes"),
        ([KEY, KEY], "repeats"),
    ],
)
def test_unusable_keys_are_refused_without_showing_them(keys, reason):
    with pytest.raises(VoiceHubError, match=reason) as caught:
        tokens(keys)
    assert not any(key and key in str(caught.value) for key in keys)
    assert "secretwithout" not in str(caught.value)
