from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicehub.errors import ClientError
from voicehub.rest import body

ordinary_text = st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"]))
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False, min_value=-1e18, max_value=1e18)
    | ordinary_text,
    lambda children: st.lists(children) | st.dictionaries(ordinary_text, children),
    max_leaves=20,
)


@given(json_values)
def test_ordinary_json_is_kept_as_it_is(value):
    body.check(value)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff",
        b"{'a': 1}",
        b"NaN",
        b"[Infinity]",
        b"1e400",
        b"9223372036854775808",
        b"-9223372036854775808",
        b'"\\ud800"',
        b'["\\u0000"]',
        b'{"a": {"\\u0000": 1}}',
        b"[" * 33 + b"]" * 33,
        b"[" * 100_000,
    ],
)
def test_what_a_store_cannot_keep_is_refused(raw):
    with pytest.raises(ClientError):
        body.parse(raw)


def test_nesting_up_to_the_limit_is_fine():
    depth = body.DEPTH_MAX
    assert body.parse(b"[" * depth + b"]" * depth)


@given(st.binary(max_size=200))
def test_any_bytes_are_json_or_a_client_error(raw):
    with suppress(ClientError):
        body.parse(raw)
