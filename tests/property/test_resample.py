import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from voicehub.audio.resample import Resampler

RATES = st.sampled_from(
    [(24_000, 16_000), (24_000, 8_000), (8_000, 24_000), (16_000, 24_000), (48_000, 24_000)]
)


@given(rates=RATES, sizes=st.lists(st.integers(0, 700), max_size=12), seed=st.integers(0, 99))
def test_however_the_input_is_cut_the_output_is_the_same(rates, sizes, seed):
    samples = np.random.default_rng(seed).uniform(-1, 1, sum(sizes)).astype(np.float32)
    whole, cut = Resampler(*rates), Resampler(*rates)
    expected = np.concatenate((whole(samples), whole.flush()))
    ends = np.cumsum(sizes)
    pieces = [cut(samples[end - size : end]) for end, size in zip(ends, sizes, strict=True)]
    output = np.concatenate((*pieces, cut.flush()))
    assert len(output) == -(-len(samples) * rates[1] // rates[0])
    # Not bit for bit: a product over more rows may add up in another order.
    assert np.allclose(output, expected, atol=1e-5)
