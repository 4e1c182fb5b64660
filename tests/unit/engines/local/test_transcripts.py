from itertools import count

import numpy as np
import pytest

from voicehub.engines.local.effects import CancelTranscribe, Emit, Outgoing, Transcribe
from voicehub.engines.local.events import Transcribed
from voicehub.engines.local.session_config import SessionConfig
from voicehub.engines.local.shared import Shared
from voicehub.engines.local.transcription import Transcription
from voicehub.engines.local.transcripts import Transcripts


@pytest.fixture
def shared():
    number = count(1)
    config = SessionConfig("sess_1", transcription={"model": "m"})
    return Shared(config, "conv_1", Outgoing(lambda prefix: f"{prefix}_{next(number)}"))


@pytest.fixture
def transcripts(shared):
    return Transcripts(shared)


SAMPLES = np.zeros(512, np.float32)


def test_the_client_is_told_once_all_pieces_are_there(shared, transcripts):
    transcription = Transcription("item", duration_ms=2_000)
    first = transcripts.add_piece(transcription, SAMPLES)
    second = transcripts.add_piece(transcription, SAMPLES)
    transcription.complete = True
    assert [type(effect) for effect in shared.out.take()] == [Transcribe, Transcribe]
    # Answers may come in any order.
    assert not transcripts.answer(Transcribed(second.job, "Two."))
    assert shared.out.take() == []
    assert transcripts.answer(Transcribed(first.job, "One."))
    told = [effect.frame for effect in shared.out.take() if isinstance(effect, Emit)]
    assert told[-1].body["transcript"] == "One. Two."
    assert told[-1].body["usage"] == {"type": "duration", "seconds": 2.0}


def test_late_answers_of_cancelled_jobs_are_ignored(shared, transcripts):
    transcription = Transcription("item")
    piece = transcripts.add_piece(transcription, SAMPLES)
    shared.out.take()
    transcripts.cancel(transcription)
    assert shared.out.take() == [CancelTranscribe(piece.job)]
    assert not transcripts.answer(Transcribed(piece.job, "One."))
    assert shared.out.take() == []


def test_dropping_a_piece_that_is_done_asks_for_nothing(shared, transcripts):
    transcription = Transcription("item")
    piece = transcripts.add_piece(transcription, SAMPLES)
    transcripts.answer(Transcribed(piece.job, "One."))
    shared.out.take()
    transcripts.drop_piece(transcription, piece)
    assert shared.out.take() == []
    assert transcription.text == ""


def test_hidden_transcripts_are_not_told(shared, transcripts):
    transcription = Transcription("item", complete=True, is_shown=False)
    piece = transcripts.add_piece(transcription, SAMPLES)
    shared.out.take()
    assert transcripts.answer(Transcribed(piece.job, "One."))
    assert shared.out.take() == []
    assert transcription.settled
