from voicehub.engines.local.latency import Latency


def test_the_parts_sum_to_the_total():
    latency = Latency(512, 1_000, 1_020, 1_050, 1_075)
    parts = latency.as_ga()
    total = parts.pop("total")
    assert total == sum(parts.values()) == 512 + 75


def test_nothing_is_told_before_the_first_audio():
    assert Latency(512, 1_000, 1_020, 1_050).as_ga() is None


def test_push_to_talk_has_no_silence():
    assert Latency(None, 1_000, 1_020, 1_050, 1_075).as_ga()["vad_silence"] == 0
