import pytest

from voicehub.engines.local.speech_text import speakable


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Hello there.", "Hello there."),
        ("**Bold** and _thin_ `code`", "Bold and thin code"),
        ("## Title\n- one\n* two", "Title\none\ntwo"),
        ("See [our page](https://example.com/a?b=c).", "See our page."),
        ("Go to https://example.com/a/b?c=d.", "Go to the link."),
        ("Go to www.example.com, please", "Go to the link, please"),
        ("Before ```py\nprint(1)\n``` after", "Before after"),
        ("<b>Hi</b> you", "Hi you"),
        ("Well... yes…", "Well. yes."),
        ("It is 5*3 or 5 * 3", "It is 5 times 3 or 5 times 3"),
        ("Dial 555-123-4567.", "Dial 5 5 5, 1 2 3, 4 5 6 7."),
        ("On 2024-01-02 it was $19.99", "On 2024-01-02 it was $19.99"),
        ("No. I said no.", "No! I said no!"),
        ("No. 5 is alive", "No. 5 is alive"),
        ("snake_case stays", "snake_case stays"),
        ("a\x00b\u200bc", "a b c"),
        ("Great 😀", "Great"),
    ],
)
def test_what_is_only_seen_is_not_said(written, said):
    assert speakable(written) == said


@pytest.mark.parametrize("written", ["", " \n", "...", "😀", "***", "---", "[]()", "```x```"])
def test_where_nothing_can_be_said_nothing_is_left(written):
    assert speakable(written) == ""


def test_hostile_text_is_cleaned_in_good_time():
    for unit in ("[", "`", "*a", "<a", "1-", "http://", "_ ", "(1) "):
        speakable(unit * 5000)
