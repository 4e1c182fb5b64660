import pytest

from voicehub.engines.local.reply import Prompt, Turn
from voicehub.engines.local.scene import read_scene
from voicehub.engines.local.small_talk import WHAT_IT_IS, answer_by_rule, quoted

AVA = "You are Ava, the receptionist at Acme."


def answered(*said, agent_said=()):
    turns = [Turn("assistant", text) for text in agent_said] + [Turn("user", text) for text in said]
    found = answer_by_rule(read_scene(Prompt(AVA, tuple(turns))))
    return None if found is None else " ".join(found)


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("Hello there.", "Hello! I am Ava, the receptionist at Acme. How can I help you?"),
        ("Hi, my name is Sam.", "Nice to meet you, Sam. How can I help you?"),
        ("Hello, what is twelve times seven?", "That makes 84."),
        ("What is five divided by zero?", "Nothing can be divided by zero."),
        ("Count to three", "1, 2, 3."),
        ("Please count up to a million", ", ".join(map(str, range(1, 31))) + "."),
        ("What did I say?", "That was the first thing you said, so there is nothing before it."),
        ("What is my name?", "You have not told me your name yet. What is it?"),
        ("What is my order number?", "You have not told me about your order number yet."),
        ("Can you hear me?", "Yes, I hear you well. How can I help you?"),
        ("How are you?", "I am fine, thank you. How can I help you?"),
        ("Thank you very much.", "You are welcome. Is there anything else?"),
        ("Good-by.", "Goodbye. It was nice talking with you."),
        ("Yes.", "Good. What would you like to do next?"),
        ("No, thanks.", "All right. Is there anything else that I can do?"),
        ("Stop.", "All right, I am listening."),
        ("How many times have I spoken?", "You have spoken once in this conversation."),
        ("The old man went fishing.", None),
        ("My number is 555-1234.", "I will remember that your number is 555-1234."),
    ],
)
def test_small_talk_has_its_answers(said, answer):
    assert answered(said) == answer


def test_it_remembers_what_was_said():
    told = ("My name is Sam.", "My favorite color is blue.")
    assert answered(*told, "What is my favorite color?") == (
        "You told me that your favorite color is blue."
    )
    assert answered(*told, "What's my name?") == "Your name is Sam."
    assert answered(*told, "What did I just say?") == "You said: My favorite color is blue."
    assert answered(*told, "What was the first thing I said?") == (
        "The first thing you said was: My name is Sam."
    )
    assert answered(*told, "How often have I spoken?") == (
        "You have spoken 3 times in this conversation."
    )
    assert answered(*told, "Bye!").startswith("Goodbye, Sam.")


def test_it_repeats_its_own_words():
    assert answered("Can you repeat that?", agent_said=["It is Monday."]) == "I said: It is Monday."


@pytest.mark.parametrize("question", ["Who are you?", "Are you a robot?", "What is your name?"])
def test_it_is_honest_about_what_it_is(question):
    assert WHAT_IT_IS in answered(question)


def test_it_says_how_to_get_a_better_one():
    assert "VOICEHUB_CHAT_URL" in answered("Who are you?")


def test_long_words_are_quoted_in_part():
    assert len(quoted("word " * 200)) <= 200
