from voicehub.ids import new_id


def test_an_id_says_what_it_is_of_and_is_given_once():
    ids = {new_id("event") for _ in range(1_000)}
    assert len(ids) == 1_000
    assert all(each.startswith("event_") and len(each) == len("event_") + 24 for each in ids)
