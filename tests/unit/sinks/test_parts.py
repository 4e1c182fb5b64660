from voicehub.sinks.parts import (
    PART_BYTES_MAX,
    PART_BYTES_MIN,
    CompleteUpload,
    CreateUpload,
    Cutter,
    DeleteTails,
    PutPart,
    PutWhole,
    SweepTails,
    Tail,
)


def _cutter() -> Cutter:
    return Cutter(part_bytes_min=50, part_bytes_max=80, tail_bytes_max=30)


def _store_tail(cutter: Cutter) -> Tail:
    tail = cutter.next_tail()
    assert tail is not None
    cutter.tail_saved(tail)
    return tail


def _store_part(cutter: Cutter, etag: str = "e") -> PutPart:
    step = cutter.next_step()
    assert isinstance(step, PutPart)
    cutter.step_done(step, etag)
    return step


def test_new_bytes_go_up_as_tails_until_a_part_is_full() -> None:
    cutter = _cutter()
    assert cutter.next_tail() is None
    cutter.grow(20)
    assert _store_tail(cutter) == Tail(0, 20)
    assert cutter.next_tail() is None
    assert cutter.next_step() is None
    cutter.grow(49)
    assert _store_tail(cutter) == Tail(20, 49)
    cutter.grow(55)
    assert cutter.next_step() == CreateUpload()
    cutter.step_done(CreateUpload(), "up")
    assert _store_part(cutter) == PutPart("up", 1, 0, 55, 0)
    assert cutter.saved == 55
    assert cutter.next_tail() is None


def test_tails_under_later_parts_are_deleted_and_those_under_the_first_kept() -> None:
    cutter = _cutter()
    cutter.grow(25)
    _store_tail(cutter)
    cutter.grow(50)
    cutter.step_done(CreateUpload(), "up")
    _store_part(cutter)
    assert cutter.next_step() is None
    cutter.grow(75)
    _store_tail(cutter)
    cutter.grow(101)
    _store_part(cutter)
    assert cutter.next_step() == DeleteTails((50,))
    cutter.step_done(DeleteTails((50,)))
    assert cutter.next_step() is None
    assert cutter.spent == (50, 101)


def test_a_backlog_is_cut_into_parts_and_tails_of_bounded_size() -> None:
    cutter = _cutter()
    cutter.grow(1000)
    assert cutter.next_tail() == Tail(0, 30)
    cutter.tail_failed()
    assert cutter.next_tail() == Tail(0, 30)
    cutter.step_done(CreateUpload(), "up")
    assert _store_part(cutter) == PutPart("up", 1, 0, 80, 0)


def test_a_short_recording_is_put_whole() -> None:
    cutter = _cutter()
    cutter.grow(40)
    _store_tail(cutter)
    cutter.patch(10, 12)
    cutter.end()
    assert cutter.next_tail() is None
    assert cutter.next_step() == PutWhole(40)
    cutter.step_done(PutWhole(40))
    assert cutter.next_step() == SweepTails()
    cutter.step_done(SweepTails())
    assert cutter.is_finished
    assert cutter.next_step() is None


def test_a_patched_part_goes_up_again_before_completion() -> None:
    cutter = _cutter()
    cutter.grow(60)
    cutter.step_done(CreateUpload(), "up")
    _store_part(cutter, "old")
    cutter.grow(70)
    cutter.patch(5, 8)
    cutter.end()
    assert _store_part(cutter, "rest").number == 2
    assert _store_part(cutter, "new") == PutPart("up", 1, 0, 60, 1)
    step = cutter.next_step()
    assert isinstance(step, CompleteUpload)
    assert [(part.number, part.etag) for part in step.parts] == [(1, "new"), (2, "rest")]
    assert step.size == 70


def test_a_part_whose_upload_began_before_the_patch_is_stale() -> None:
    cutter = _cutter()
    cutter.grow(60)
    cutter.step_done(CreateUpload(), "up")
    step = cutter.next_step()
    cutter.patch(0, 4)
    cutter.end()
    cutter.step_done(step, "old")
    assert _store_part(cutter, "new").number == 1
    assert isinstance(cutter.next_step(), CompleteUpload)


def test_nothing_recorded_asks_nothing_of_the_store() -> None:
    cutter = _cutter()
    cutter.end()
    assert cutter.is_finished
    assert cutter.next_step() is None


def test_the_last_sweep_waits_for_a_tail_under_way() -> None:
    cutter = _cutter()
    cutter.grow(10)
    tail = cutter.next_tail()
    cutter.end()
    cutter.step_done(PutWhole(10))
    assert cutter.next_step() is None
    cutter.tail_saved(tail)
    assert cutter.next_step() == SweepTails()


def test_a_restored_cutter_goes_on_where_the_manifest_stopped() -> None:
    cutter = Cutter()
    cutter.grow(PART_BYTES_MIN)
    cutter.step_done(CreateUpload(), "up")
    cutter.step_done(cutter.next_step(), "first")
    restored = Cutter.restored(cutter.cut, PART_BYTES_MIN + 10)
    restored.patch(0, 1)
    restored.end()
    assert restored.next_step() == PutPart("up", 2, PART_BYTES_MIN, PART_BYTES_MIN + 10, 1)


def test_an_upload_that_is_gone_begins_again() -> None:
    cutter = _cutter()
    cutter.grow(60)
    _store_tail(cutter)
    cutter.step_done(CreateUpload(), "up")
    _store_part(cutter)
    cutter.upload_gone()
    assert cutter.saved == 0
    assert cutter.next_step() == CreateUpload()


def test_an_object_found_stored_needs_only_the_sweep() -> None:
    cutter = _cutter()
    cutter.grow(60)
    cutter.end()
    cutter.joined_before()
    assert cutter.next_step() == SweepTails()


def test_part_sizes_obey_the_store() -> None:
    assert PART_BYTES_MIN >= 5 << 20
    assert PART_BYTES_MAX >= PART_BYTES_MIN
