from copy import deepcopy

from voicehub.audio.formats import AudioFormat
from voicehub.session.spec import DEFAULT_SESSION, agent_session


def session(**changes):
    given = {"persona": "", "system": "", "settings": {}, "context": {}}
    return agent_session(**{**given, **changes})


def test_the_agents_words_come_first_and_the_users_facts_apart():
    made = session(persona="You are Ada. ", system=" Be kind.\n", context={"name": "Ann", "age": 3})
    assert made["instructions"] == (
        "Be kind.\n\nYou are Ada.\n\nWhat the user told about this session:\n- name: Ann\n- age: 3"
    )


def test_an_agent_without_words_has_none():
    assert session()["instructions"] == ""


def test_the_agents_settings_lie_over_the_defaults():
    before = deepcopy(DEFAULT_SESSION)
    over = {"audio": {"input": {"turn_detection": {"silence_duration_ms": 900}}}, "tools": [1]}
    made = session(settings={"session": over})
    detection = made["audio"]["input"]["turn_detection"]
    assert detection["silence_duration_ms"] == 900
    assert detection["threshold"] == 0.5
    assert made["tools"] == [1]
    assert before == DEFAULT_SESSION, "the defaults are nobody's to change"


def test_an_agent_may_push_to_talk():
    made = session(settings={"session": {"audio": {"input": {"turn_detection": None}}}})
    assert made["audio"]["input"]["turn_detection"] is None
    assert made["audio"]["input"]["transcription"] == {"model": "default"}


def test_the_default_formats_are_the_protocols():
    audio = DEFAULT_SESSION["audio"]
    assert audio["input"]["format"] == audio["output"]["format"] == AudioFormat.PCM.as_ga()
