import pytest

from voicehub.engines.local.persona import Persona, read_persona


@pytest.mark.parametrize(
    ("instructions", "persona"),
    [
        (
            "You are Ava, the friendly receptionist at Acme Dental, who books visits. Be brief.",
            Persona("Ava", "the friendly receptionist at Acme Dental"),
        ),
        ("You are a helpful assistant.", Persona("", "a helpful assistant")),
        ("Your name is Max. You are a travel agent.", Persona("Max", "a travel agent")),
        ("You are VoiceHub's demo agent called Nova.", Persona("Nova", "")),
        ("You're Mary Ann, and you are an expert in tea", Persona("Mary Ann", "an expert in tea")),
        ('Say exactly: "Good morning."', Persona(exact_words="Good morning.")),
        ('Greet the caller with "Hi, Foo here!"', Persona(greeting="Hi, Foo here!")),
        ("Always be nice.", Persona()),
        ("You are The boss. You are Always right.", Persona("", "the boss")),
        ("", Persona()),
    ],
)
def test_the_persona_is_read_from_the_instructions(instructions, persona):
    assert read_persona(instructions) == persona


def test_the_introduction_says_what_is_known():
    assert Persona("Ava", "a nurse").introduction() == "I am Ava, a nurse"
    assert Persona("Ava").introduction() == "I am Ava"
    assert Persona("", "a nurse").introduction() == "I am a nurse"
    assert Persona().introduction() == "I am the voice agent here"


def test_an_endless_role_is_shortened():
    role = read_persona("You are a " + "very " * 500 + "patient man.").role
    assert len(role) <= 100


def test_hostile_instructions_are_read_in_good_time():
    for unit in ("You are ", 'say "', "A ", "you are a "):
        read_persona(unit * 20_000)
