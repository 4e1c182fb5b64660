from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from voicehub.engines.local.reply import SentenceSplitter

# Letters that sentences are made of, and those that end them, come often.
TEXT = st.text(st.sampled_from("aB 1.!?,;\n\"'…。") | st.characters(codec="utf-8"), max_size=400)


def split(pieces, characters_max):
    splitter = SentenceSplitter(characters_max)
    sentences = [sentence for piece in pieces for sentence in splitter.push(piece)]
    return sentences + splitter.flush()


@given(text=TEXT, cuts=st.lists(st.integers(0, 400)), characters_max=st.integers(10, 60))
def test_sentences_do_not_depend_on_how_the_text_arrives(text, cuts, characters_max):
    ends = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    pieces = [text[start:end] for start, end in pairwise(ends)]
    assert split(pieces, characters_max) == split([text], characters_max)


@given(text=TEXT, characters_max=st.integers(10, 60))
def test_sentences_join_to_the_text_and_keep_the_limit(text, characters_max):
    sentences = split([text], characters_max)
    assert "".join(sentences).rstrip() == text.rstrip()
    assert all(0 < len(sentence) <= characters_max for sentence in sentences[:-1])
