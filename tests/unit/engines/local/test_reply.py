import pytest

from voicehub.engines.local.reply import (
    Prompt,
    SentenceSplitter,
    TextPart,
    ToolPart,
    Turn,
)


def split(text, characters_max=240):
    splitter = SentenceSplitter(characters_max)
    return splitter.push(text) + splitter.flush()


def test_a_sentence_is_given_as_soon_as_the_next_one_begins():
    splitter = SentenceSplitter()
    assert splitter.push("Hello") == []
    assert splitter.push(" there.") == []
    assert splitter.push(" How") == ["Hello there."]
    assert splitter.push(" are you? I") == [" How are you?"]
    assert splitter.flush() == [" I"]
    assert splitter.flush() == []


@pytest.mark.parametrize(
    "sentence",
    [
        "Dr. Smith and Mrs. Jones live in St. Ives.",
        "It costs $3.50, i.e. 3.5 dollars.",
        "Meet me at 5 p.m. on Jan. 3 at example.com.",
        "J. K. Rowling wrote it.",
        "1. Open the lid.",
        "See version 2.0.1 for details!",
    ],
)
def test_a_full_stop_inside_a_sentence_does_not_end_it(sentence):
    assert split(f"{sentence} Next.") == [sentence, " Next."]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Really?! Yes.", ["Really?!", " Yes."]),
        ('He said "no." Then he left.', ['He said "no."', " Then he left."]),
        ("No. I have 3. So do I. Bye.", ["No.", " I have 3.", " So do I.", " Bye."]),
        ("One\nTwo\n\nThree", ["One", "\nTwo", "\n\nThree"]),
        ("你好。再见！", ["你好。", "再见！"]),  # noqa: RUF001  # full-width marks are meant
        ("Wait... what?", ["Wait...", " what?"]),
        ("   \n", []),
        ("", []),
    ],
)
def test_sentences_end_where_a_reader_would_end_them(text, sentences):
    assert split(text) == sentences


def test_a_sentence_without_an_end_is_cut_at_a_clause_then_at_a_word_then_anywhere():
    assert split("one two three, four five six", 20) == ["one two three,", " four five six"]
    assert split("one two three four five six", 20) == ["one two three four", " five six"]
    assert split("x" * 45, 20) == ["x" * 20, "x" * 20, "x" * 5]


def test_nothing_said_shows_in_a_repr():
    secret = "my card number"
    parts = [
        Turn("user", secret),
        TextPart(secret),
        ToolPart("pay", secret),
        Prompt(secret, (Turn("user", secret),)),
    ]
    assert not [part for part in parts if secret in repr(part)]
