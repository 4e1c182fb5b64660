"""Whatever the order of writes, uploads, failures and patches: the object is the bytes."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from voicehub.sinks.parts import (
    CompleteUpload,
    CreateUpload,
    Cutter,
    DeleteTails,
    PutPart,
    PutWhole,
    Step,
    SweepTails,
    Tail,
)

PART_MIN = 50
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("grow"), st.integers(1, 70)),
        st.tuples(st.just("patch"), st.integers(0, 60)),
        st.sampled_from(
            [
                ("tail begins", 0),
                ("tail lands", 0),
                ("tail fails", 0),
                ("tail lands unheard", 0),
                ("step begins", 0),
                ("step lands", 0),
                ("step fails", 0),
                ("step lands unheard", 0),
                ("process dies", 0),
                ("upload is dropped", 0),
            ]
        ),
    ),
    max_size=60,
)


@dataclass
class Store:
    tails: dict[int, bytes] = field(default_factory=dict)
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    whole: bytes | None = None

    def take(self, step: Step, spool: bytes) -> str:
        match step:
            case CreateUpload():
                name = f"upload-{len(self.uploads)}"
                self.uploads[name] = {}
                return name
            case PutPart(upload_id, number, start, end):
                self.uploads[upload_id][number] = spool[start:end]
            case PutWhole(size):
                self.whole = spool[:size]
            case CompleteUpload(upload_id, parts, size):
                stored = self.uploads[upload_id]
                contents = [stored[part.number] for part in parts]
                assert all(len(content) >= PART_MIN for content in contents[:-1])
                self.whole = b"".join(contents)
                assert len(self.whole) == size
            case DeleteTails(starts):
                for start in starts:
                    del self.tails[start]
            case SweepTails():
                self.tails.clear()
        return "etag"


@dataclass
class World:
    cutter: Cutter = field(
        default_factory=lambda: Cutter(
            part_bytes_min=PART_MIN, part_bytes_max=80, tail_bytes_max=30
        )
    )
    store: Store = field(default_factory=Store)
    spool: bytearray = field(default_factory=bytearray)
    tail: Tail | None = None
    tail_content: bytes = b""
    step: Step | None = None
    is_patched: bool = False

    def act(self, action: str, amount: int) -> None:
        match action:
            case "grow":
                self.spool += bytes((len(self.spool) + n) % 251 for n in range(amount))
                self.cutter.grow(len(self.spool))
            case "patch" if amount < len(self.spool):
                self.spool[amount] ^= 0xFF
                self.cutter.patch(amount, amount + 1)
                self.is_patched = True
            case "upload is dropped":
                self.drop_upload()
            case "process dies":
                self.die()
            case _ if action.startswith("tail"):
                self.move_tail(action)
            case _ if action.startswith("step"):
                self.move_step(action)

    def move_tail(self, action: str) -> None:
        if self.tail is None:
            if action == "tail begins":
                self.tail = self.cutter.next_tail()
                if self.tail is not None:
                    self.tail_content = bytes(self.spool[self.tail.start : self.tail.end])
            return
        if action == "tail begins":
            return
        if action != "tail fails":
            self.store.tails[self.tail.start] = self.tail_content
        if action == "tail lands":
            self.cutter.tail_saved(self.tail)
        else:
            self.cutter.tail_failed()
        self.tail = None

    def move_step(self, action: str) -> None:
        if action == "step begins" and self.step is None:
            self.step = self.cutter.next_step()
        elif self.step is not None and action != "step begins":
            answer = "" if action == "step fails" else self.store.take(self.step, bytes(self.spool))
            if action == "step lands":
                self.cutter.step_done(self.step, answer)
            elif isinstance(self.step, DeleteTails) and action == "step lands unheard":
                for start in self.step.starts:  # asked for again, S3 deletes what is not there
                    self.store.tails.setdefault(start, b"")
            self.step = None

    def drop_upload(self) -> None:
        if self.step is None:
            self.cutter.upload_gone()

    def die(self) -> None:
        """A new process takes over with what the manifest says."""
        restored = Cutter(part_bytes_min=PART_MIN, part_bytes_max=80, tail_bytes_max=30)
        cut = self.cutter.cut
        restored._upload_id, restored._parts = cut.upload_id, list(cut.parts)
        restored._patches = list(self.cutter._patches)
        restored.grow(len(self.spool))
        self.cutter, self.tail, self.step = restored, None, None

    def check_saved(self) -> None:
        """Parts and tails together hold every byte that counts as saved."""
        if self.is_patched:
            return  # the header's last words are known to the spool first
        cut = self.cutter.cut
        stored = b"".join(self.store.uploads[str(cut.upload_id)][part.number] for part in cut.parts)
        while len(stored) < self.cutter.saved:
            start = max(at for at in self.store.tails if at <= len(stored))
            content = self.store.tails[start]
            assert start + len(content) > len(stored)
            stored += content[len(stored) - start :]
        assert stored[: self.cutter.saved] == bytes(self.spool[: self.cutter.saved])

    def finish(self) -> None:
        if self.tail is not None:
            self.move_tail("tail lands")
        if self.step is not None:
            self.move_step("step lands")
        self.cutter.end()
        for _ in range(200):
            step = self.cutter.next_step()
            if step is None:
                break
            self.cutter.step_done(step, self.store.take(step, bytes(self.spool)))


@settings(max_examples=300, deadline=None)
@given(ACTIONS)
def test_the_object_is_the_bytes_and_no_tail_stays(actions: list[tuple[str, int]]) -> None:
    world = World()
    for action, amount in actions:
        world.act(action, amount)
        world.check_saved()
    world.finish()
    assert world.cutter.is_finished
    assert world.store.whole == (bytes(world.spool) or None)
    assert not world.store.tails or not world.spool
