"""The table of codes against the source: every code that a request may meet, and no other."""

from http import HTTPStatus

import pytest

from tests import raised
from voicehub.errors import EngineError, FencedError, VoiceHubError
from voicehub.rest import body
from voicehub.rest.codes import CODES
from voicehub.storage.migrations import SchemaError
from voicehub.storage.settlement import NoSubscriptionError

# Statuses that no row of the table stands for.
INTERNAL = HTTPStatus.INTERNAL_SERVER_ERROR
# Made for owners of sessions, for jobs and at the start: no request gets them.
NEVER_ANSWERED = {FencedError, NoSubscriptionError, SchemaError}

MADE = {
    (HTTPStatus(kind.status), code)
    for module in raised.modules()
    for kind, code in raised.errors_in(module)
    if kind not in NEVER_ANSWERED and kind.status != INTERNAL
}
KNOWN = {(status, code) for status, codes in CODES.items() for code in codes}
# Made where names do not lead: by pydantic's faults, in the socket and by the engines.
ELSEWHERE = {
    *((HTTPStatus.BAD_REQUEST, code) for code in body.CODES.values()),
    (HTTPStatus.BAD_GATEWAY, EngineError.code),
    (HTTPStatus.SERVICE_UNAVAILABLE, "server_draining"),
}


def test_every_code_that_is_answered_is_explained():
    assert not MADE - KNOWN


def test_every_code_that_is_explained_is_answered():
    # What a subclass of an error has as its own stands in the table once it is made anywhere.
    assert not KNOWN - MADE - ELSEWHERE


@pytest.mark.parametrize("codes", CODES.values(), ids=[int(status) for status in CODES])
def test_a_code_is_a_word_and_its_meaning_a_sentence(codes):
    for code, meaning in codes.items():
        assert code == code.lower().replace("-", "_").replace(" ", "_")
        assert meaning[0].isupper() or meaning[0] == "`"
        assert meaning.endswith(".")


def test_our_own_fault_is_not_promised():
    assert HTTPStatus(VoiceHubError.status) not in CODES
