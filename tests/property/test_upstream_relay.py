"""However often the upstream breaks off: the client sees one whole conversation."""

from collections import Counter, deque
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.engines.upstream.conftest import begun, client, event, message
from voicehub.engines.upstream.relay import Relay
from voicehub.session.spec import DEFAULT_SESSION

STEPS = ["say", "ask", "deliver", "arrive", "arrive", "finish", "break", "return"]


class Scene:
    """A client, the relay, and one upstream after the other; what is under way may be lost."""

    def __init__(self):
        numbers = count(1)
        self.next = lambda: next(numbers)
        self.relay = Relay(
            DEFAULT_SESSION,
            engine="cloud",
            transcription_model="w",
            new_id=lambda prefix: f"{prefix}_{self.next()}",
        )
        self.relay.opened({})
        self.told = self.relay.update()
        self.to_upstream = deque()
        self.to_client = deque()
        self.items = []
        self.replying = None
        self.is_connected = True
        self.created = []
        self.asked = 0
        self.seen = []

    def say(self):
        item = message(f"user_{self.next()}", "user", {"type": "input_text", "text": "Hello."})
        self.created.append(item["id"])
        self._send(client("conversation.item.create", item=item))

    def ask(self):
        # One at a time, as the protocol wants it.
        if self.asked == self._count("response.done"):
            self.asked += 1
            self._send(client("response.create"))

    def deliver(self):
        """The upstream acts on one client event."""
        if not self.to_upstream:
            return
        frame = self.to_upstream.popleft()
        if frame.type == "conversation.item.create":
            item = frame.body["item"]
            assert item["id"] not in self.items, "an item comes once to a connection"
            previous_id = self.items[-1] if self.items else None
            self.items.append(item["id"])
            place = {"item": item, "previous_item_id": previous_id}
            self.to_client.append(event("conversation.item.added", **place))
            self.to_client.append(event("conversation.item.done", **place))
        elif frame.type == "response.create":
            assert self.replying is None
            self.replying = self.next()
            self.to_client.extend(begun(self.replying, "Well, well"))
            self.items.append(f"reply_{self.replying}")

    def finish(self):
        if self.replying is not None:
            response = {"id": f"resp_{self.replying}", "status": "completed"}
            words = {"type": "output_audio", "transcript": "Well, well."}
            item = message(f"reply_{self.replying}", "assistant", words)
            self.to_client.append(event("conversation.item.done", item=item, previous_item_id=None))
            self.to_client.append(event("response.done", response=response))
            self.replying = None

    def arrive(self):
        """One event of the upstream comes here."""
        if self.to_client:
            frame = self.relay.from_upstream(self.to_client.popleft())
            if frame is not None:
                self.seen.append(frame)
        self._flush()

    def break_(self):
        if self.is_connected:
            self.is_connected = False
            self.to_upstream.clear()
            self.to_client.clear()
            self.items.clear()
            self.replying = None
            self.relay.lost()
            self._flush()

    def return_(self):
        if not self.is_connected:
            self.is_connected = True
            self.to_upstream.extend(self.relay.resume(self.told, {}))
            while rest := self.relay.rest():
                self.to_upstream.extend(rest)

    def settle(self):
        self.return_()
        while self.to_upstream or self.to_client or self.replying is not None:
            self.deliver()
            self.finish()
            self.arrive()

    def _send(self, frame):
        self.to_upstream.extend(self.relay.from_client(frame))

    def _flush(self):
        while self.relay.for_client:
            self.seen.append(self.relay.for_client.popleft())

    def _count(self, kind):
        return sum(frame.type == kind for frame in self.seen)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(STEPS), max_size=60))
def test_items_and_responses_are_shown_once_and_kept(steps):
    scene = Scene()
    for step in steps:
        getattr(scene, f"{step}_" if step in {"break", "return"} else step)()
    scene.settle()
    shown = [
        frame.body["item"]["id"] for frame in scene.seen if frame.type == "conversation.item.added"
    ]
    assert not [item_id for item_id, times in Counter(shown).items() if times > 1]
    assert [each for each in shown if each in scene.created] == scene.created
    begun_ids = [
        frame.body["response"]["id"] for frame in scene.seen if frame.type == "response.created"
    ]
    ended_ids = [
        frame.body["response"]["id"] for frame in scene.seen if frame.type == "response.done"
    ]
    assert begun_ids == ended_ids
    assert len(begun_ids) == scene.asked
    # The upstream that is there at the end knows the conversation as the client saw it: all that
    # has words, and in that order.
    spoken = {
        frame.body["item_id"]
        for frame in scene.seen
        if frame.type == "response.output_audio_transcript.delta"
    }
    assert scene.items == [each for each in shown if each in scene.items]
    assert spoken | set(scene.created) <= set(scene.items)
    assert scene.relay.is_idle
