import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicehub.auth.refresh_tokens import TOKEN_CHARACTERS_MAX, RefreshToken
from voicehub.errors import AuthenticationError

TOKEN = RefreshToken(7, 3, "ab" * 16, b"s" * 32)


def test_a_token_is_read_as_it_was_written():
    text = str(TOKEN)
    assert text.startswith("rt_")
    assert len(text) < TOKEN_CHARACTERS_MAX
    assert RefreshToken.parse(text) == TOKEN


def test_a_secret_shows_in_no_repr():
    assert "ss" not in repr(TOKEN)


def test_a_successor_is_the_same_for_the_same_salt_alone():
    assert TOKEN.successor("01" * 16) == TOKEN.successor("01" * 16)
    assert TOKEN.successor("01" * 16) != TOKEN.successor("02" * 16)
    assert TOKEN.successor("01" * 16).family == TOKEN.family


@pytest.mark.parametrize(
    "text",
    [
        *("", "rt_", "rt_AAAA", str(TOKEN)[3:], str(TOKEN)[:-1], str(TOKEN) + "A"),
        *(
            str(TOKEN) + "=",
            str(TOKEN) + "\n",
            "rt_" + "A" * 10_000,
            "rt_ä",
            "RT_" + str(TOKEN)[3:],
        ),
        "rt_" + base64.b64encode(b"\xff" * 64).decode(),
    ],
)
def test_what_is_no_token_is_refused(text):
    with pytest.raises(AuthenticationError) as caught:
        RefreshToken.parse(text)
    assert caught.value.code == "invalid_refresh_token"


@given(st.text() | st.text().map("rt_".__add__))
def test_any_text_is_refused_and_never_crashes(text):
    with pytest.raises(AuthenticationError):
        RefreshToken.parse(text)


@given(st.binary(min_size=64, max_size=64))
def test_bytes_have_one_spelling(raw):
    text = "rt_" + base64.urlsafe_b64encode(raw).decode().rstrip("=")
    assert str(RefreshToken.parse(text)) == text
