from voicehub.engines.local.stt import looping_tokens, read_tokens


def test_tokens_are_read_by_their_lengths(tmp_path):
    long = b"y" * 300
    packed = bytes([3]) + b"<s>" + bytes([0, 4]) + "\u2581a".encode() + bytes([300 % 128 + 128, 2])
    path = tmp_path / "tokenizer.bin"
    path.write_bytes(packed + long)
    assert read_tokens(path) == [b"", b"", "\u2581a".encode(), long]


def test_a_phrase_that_repeats_too_often_is_cut_to_one():
    phrase = [5, 6, 7]
    assert looping_tokens([1, 2, *phrase * 3]) == 0
    assert looping_tokens([1, 2, *phrase * 4]) == 9


def test_single_words_may_repeat_more_often():
    assert looping_tokens([3] * 7) == 0
    assert looping_tokens([3] * 8) == 7


def test_speech_is_no_loop():
    assert looping_tokens([]) == 0
    assert looping_tokens(list(range(200))) == 0
