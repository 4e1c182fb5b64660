from voicehub.engines.local.transcription import Piece, Transcription


def test_it_is_done_when_complete_and_every_piece_is_answered():
    piece = Piece("job")
    transcription = Transcription("item", pieces=[piece])
    assert not transcription.is_done
    transcription.complete = True
    assert not transcription.is_done
    piece.text = ""
    assert transcription.is_done


def test_texts_are_joined_without_the_empty_ones():
    texts = ["One. ", "", " Two."]
    transcription = Transcription("item", pieces=[Piece("x", text=text) for text in texts])
    assert transcription.text == "One. Two."


def test_a_part_that_could_be_made_is_better_than_a_failure():
    failed = Piece("a", failure="gone")
    assert Transcription("item", pieces=[failed]).failure == "gone"
    assert Transcription("item", pieces=[failed, Piece("b", text="Yes.")]).failure is None
