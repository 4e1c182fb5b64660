import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicehub.realtime.words import whole_words


@pytest.mark.parametrize(
    ("text", "characters", "kept"),
    [
        ("One two three", 0, ""),
        ("One two three", 2, ""),
        ("One two three", 3, "One"),
        ("One two three", 4, "One "),
        ("One two three", 6, "One "),
        ("One two three", 6.6, "One two"),
        ("One two three", 99, "One two three"),
        ("One two three", -1, ""),
        ("Wort", 3, ""),
        ("", 3, ""),
    ],
)
def test_a_word_that_was_only_begun_is_left_out(text, characters, kept):
    assert whole_words(text, characters) == kept


@pytest.mark.parametrize("text", ["你好世界", "こんにちは", "สวัสดีครับ"])
def test_scripts_without_spaces_are_cut_anywhere(text):
    assert whole_words(text, 3) == text[:3]


@given(st.text(), st.floats(-10, 100))
def test_what_is_kept_is_the_beginning_and_no_longer(text, characters):
    kept = whole_words(text, characters)
    assert text.startswith(kept)
    assert len(kept) <= max(0.0, characters) + 0.5 or kept == ""
