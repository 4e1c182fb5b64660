from voicehub.session.state import TRANSITIONS, EndedReason, Status, sources_of


def test_every_state_has_its_row():
    assert set(TRANSITIONS) == set(Status)


def test_an_ended_session_stays_ended():
    assert not TRANSITIONS[Status.COMPLETED]
    assert not TRANSITIONS[Status.FAILED]


def test_sources_are_the_transitions_read_backwards():
    for source, targets in TRANSITIONS.items():
        for target in Status:
            assert (source.value in sources_of(target)) == (target in targets)


def test_a_session_is_completed_only_after_it_was_in_progress():
    assert sources_of(Status.COMPLETED) == ["in_progress", "paused"]
    assert sources_of(Status.CREATED) == []


def test_the_reasons_are_those_of_the_schema():
    assert {reason.value for reason in EndedReason} == {
        *("client_close", "idle", "max_duration", "quota"),
        *("drain", "engine", "admin", "lost"),
    }
