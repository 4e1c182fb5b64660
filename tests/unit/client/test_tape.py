import numpy as np
import soundfile

from voicehub.client.tape import BUFFER_SAMPLES_MAX, Tape


def test_both_channels_of_every_block_are_in_the_file(tmp_path):
    tape = Tape(tmp_path / "tape.wav")
    rng = np.random.default_rng(1)
    blocks = rng.integers(-3000, 3000, (120, 2, 480)).astype(np.int16)
    for said, heard in blocks:
        tape.write(said, heard)
        assert tape._waiting < BUFFER_SAMPLES_MAX
    tape.close()
    tape.close()
    both, rate_hz = soundfile.read(tape.path, dtype="int16")
    assert rate_hz == 24000
    assert np.array_equal(both[:, 0], blocks[:, 0].ravel())
    assert np.array_equal(both[:, 1], blocks[:, 1].ravel())
