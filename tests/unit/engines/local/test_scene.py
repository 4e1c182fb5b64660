import pytest

from voicehub.engines.local.reply import Prompt, Turn
from voicehub.engines.local.scene import names_in, read_scene


def scene(*said, instructions=""):
    return read_scene(Prompt(instructions, tuple(Turn("user", text) for text in said)))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Hi, my name is Sam.", ["Sam"]),
        ("call me ishmael", ["Ishmael"]),
        ("This is Anna from Leeds", ["Anna"]),
        ("I'm Bob, and you?", ["Bob"]),
        ("I am tired", []),
        ("I'm Looking for my keys", []),
        ("this is nice", []),
    ],
)
def test_names_are_heard_where_someone_introduces_themselves(text, names):
    assert names_in(text) == names


def test_the_last_words_the_earlier_ones_and_the_name_are_kept_apart():
    read = scene("My name is Ann.", "Two.", "Three.")
    assert read.heard == "Three."
    assert read.earlier == ("My name is Ann.", "Two.")
    assert read.turns == 3
    assert read.caller == "Ann"
    assert read.addressed() == ", Ann"


def test_a_greeting_in_front_does_not_count():
    assert scene("Hello there, what is two plus two?").core == "what is two plus two?"
    assert scene("Hello").core == ""


def test_the_agents_own_words_are_known_and_other_turns_are_not_words():
    turns = (
        Turn("assistant", "Hi."),
        Turn("system", "Be kind."),
        Turn("assistant", " "),
        Turn("tool_output", "{}", call_id="c"),
    )
    read = read_scene(Prompt("", turns))
    assert read.answers == ("Hi.",)
    assert read.heard == ""
