"""What of a client's settings outlives an engine."""

from voicehub.session.client_session import ClientSession


def test_updates_take_effect_as_the_engine_confirms_them():
    session = ClientSession({"a": {"x": 1}})
    session.ask({"a": {"y": 2}})
    session.ask({"b": 3})
    assert session.given == {"a": {"x": 1}}
    assert session.confirmed()
    assert session.given == {"a": {"x": 1, "y": 2}}
    assert session.confirmed()
    assert session.given == {"a": {"x": 1, "y": 2}, "b": 3}


def test_a_refused_update_takes_no_effect():
    session = ClientSession({})
    session.ask({"a": 1})
    session.ask({"b": 2})
    session.refused()
    assert session.confirmed()
    assert session.given == {"b": 2}


def test_what_changes_nothing_or_was_not_asked_is_no_news():
    session = ClientSession({"a": 1})
    assert not session.confirmed()
    session.refused()
    session.ask({"a": 1})
    assert not session.confirmed()
