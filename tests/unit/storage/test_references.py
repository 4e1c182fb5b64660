import pytest

from voicehub.errors import ConflictError
from voicehub.storage.references import COUNT_MAX, refuse_while_referred


def test_what_nothing_refers_to_may_go():
    refuse_while_referred("The team", {"users": 0, "sessions": 0})


def test_who_refers_is_counted_up_to_a_limit():
    with pytest.raises(ConflictError) as raised:
        refuse_while_referred(
            "The team", {"users": 2, "agents": 0, "sessions": COUNT_MAX + 1}, "Advice."
        )
    assert raised.value.code == "still_referenced"
    assert (
        raised.value.message
        == "The team is still referred to (users: 2, sessions: more than 1000). Advice."
    )
