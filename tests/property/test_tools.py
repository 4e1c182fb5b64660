"""Whatever model, tools, user and client do at once: the client sees a whole protocol, no tool."""

from collections import deque
from itertools import count

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sessions import Live, effective, usage
from voicehub.realtime.frame import Body, to_json
from voicehub.session import events
from voicehub.session.commands import CallTool, ToClient, ToEngine

SECRET = {"type": "function", "name": "secret_tool", "description": "", "parameters": {}}
STEPS = st.lists(
    st.sampled_from(
        [
            *("speech", "turn", "message", "ours", "ours", "theirs", "cut short", "end", "end"),
            *("fail", "answer", "answer", "ask", "ask aside", "write"),
        ]
    ),
    max_size=60,
)


class Model:
    """An engine that keeps the protocol; a test decides what it does and when."""

    def __init__(self) -> None:
        self.live = Live(
            session=effective(tools=[SECRET], tool_choice="auto"),
            tools=(SECRET,),
            client_may=frozenset({"tools"}),
        )
        self.numbers = count(1)
        self.items: list[str] = []
        self.active: str | None = None
        self.output: list[Body] = []
        self.speaking = False
        self.running: deque[str] = deque()
        self.answered: list[str] = []
        self.seen = 0
        self.react()

    def new(self, kind: str) -> str:
        return f"{kind}{next(self.numbers)}"

    def say(self, kind: str, **fields) -> None:
        self.live.engine(kind, **fields)
        self.react()

    def react(self) -> None:
        """Carry out what the session asked for."""
        while self.seen < len(self.live.all):
            command = self.live.all[self.seen]
            self.seen += 1
            if isinstance(command, CallTool):
                self.running.append(command.call_id)
            elif isinstance(command, ToEngine):
                self.take(command.frame.body)

    def take(self, body: Body) -> None:
        if body["type"] == "response.create":
            ours = str(body.get("event_id")).startswith("event_")
            aside = body.get("response", {}).get("conversation") == "none"
            if ours:
                assert self.active is None, "asked for a response during another"
                assert not self.speaking, "asked for a response while the user speaks"
                assert not self.running or self.passed, "asked before its tools answered"
            if aside:
                assert SECRET not in body["response"]["tools"]
            elif self.active is not None:
                self.say("error", error={"message": "active", "event_id": body.get("event_id")})
            else:
                self.begin()
        elif body["type"] == "conversation.item.create":
            item = {"id": self.new("user"), **body["item"]}
            if item["type"] == "function_call_output":
                self.answered.append(item["call_id"])
            self.add(item)
            self.say("conversation.item.done", item=item, previous_item_id=None)

    def begin(self) -> None:
        self.passed = bool(self.running)
        self.active, self.output = self.new("resp"), []
        self.say("response.created", response={"id": self.active, "conversation_id": "conv"})

    def add(self, item: Body) -> None:
        previous = self.items[-1] if self.items else None
        self.items.append(item["id"])
        self.say("conversation.item.added", item=item, previous_item_id=previous)

    def give(self, item: Body) -> None:
        if self.active is None:
            return
        place = {"response_id": self.active, "output_index": len(self.output)}
        self.output.append(item)
        self.say("response.output_item.added", item=item, **place)
        self.add(item)
        if item["type"] == "function_call":
            kind = "response.function_call_arguments.done"
            self.say(kind, item_id=item["id"], name=item["name"], arguments="{}", **place)
        self.say("response.output_item.done", item=item, **place)
        self.say("conversation.item.done", item=item, previous_item_id=None)

    def use(self, name: str, status: str = "completed") -> None:
        call_id = self.new("call")
        item = {"id": self.new("item"), "type": "function_call", "name": name, "status": status}
        arguments = '{"a": "secret"}' if name == SECRET["name"] else "{}"
        self.give({**item, "call_id": call_id, "arguments": arguments})

    def end(self, status: str) -> None:
        if self.active is None:
            return
        response = {"id": self.active, "status": status, "output": self.output}
        self.active = None
        self.say("response.done", response={**response, "usage": usage(1, 1, 1, 1)})

    def do(self, step: str) -> None:
        match step:
            case "speech":
                self.speaking = True
                self.passed = True
                self.say("input_audio_buffer.speech_started", item_id="u", audio_start_ms=0)
                self.end("cancelled")
            case "turn" if self.speaking:
                self.speaking = False
                previous = self.items[-1] if self.items else None
                item = {"id": self.new("user"), "type": "message", "role": "user", "content": []}
                place = {"item_id": item["id"], "previous_item_id": previous}
                self.say("input_audio_buffer.committed", **place)
                self.add(item)
                if self.active is None:
                    self.begin()
            case "message":
                item = {"id": self.new("item"), "type": "message", "role": "assistant"}
                self.give({**item, "content": []})
            case "ours" | "theirs" | "cut short":
                name = "dim_screen" if step == "theirs" else "secret_tool"
                self.use(name, "incomplete" if step == "cut short" else "completed")
            case "end" | "fail":
                self.end("completed" if step == "end" else "failed")
            case "answer" if self.running:
                self.live.do(events.ToolAnswered(self.running.popleft(), "a secret"))
            case "ask" | "ask aside" | "write":
                self.client(step)
        self.react()

    def client(self, step: str) -> None:
        if step == "write":
            item = {"type": "message", "role": "user", "content": []}
            self.live.client("conversation.item.create", item=item)
            return
        aside = {"response": {"conversation": "none"}} if step == "ask aside" else {}
        self.live.client("response.create", **aside)


def check_client(model: Model) -> None:
    """What the client saw makes sense by itself."""
    known: set[str | None] = {None}
    outputs: dict[str, list[str]] = {}
    for each in model.live.all:
        if not isinstance(each, ToClient):
            continue
        body = orjson.loads(to_json(each.frame))
        assert "secret" not in orjson.dumps(body).decode(), body
        assert body.get("previous_item_id") in known, body
        if body["type"] == "error":
            assert body["error"]["event_id"] is None
        elif body["type"] == "conversation.item.added":
            known.add(body["item"]["id"])
        elif body["type"] == "response.output_item.added":
            given = outputs.setdefault(body["response_id"], [])
            assert body["output_index"] == len(given)
            given.append(body["item"]["id"])
        elif body["type"] == "response.done":
            shown = [item["id"] for item in body["response"]["output"]]
            assert shown == outputs.get(body["response"]["id"], [])


@settings(max_examples=200, deadline=None)
@given(steps=STEPS)
def test_any_conversation_with_tools(steps):
    model = Model()
    for step in steps:
        model.do(step)
    while model.running:
        model.do("answer")
    check_client(model)
    run = [each.call_id for each in model.live.all if isinstance(each, CallTool)]
    assert len(model.answered) == len(set(model.answered)), "answered twice"
    assert set(run) <= set(model.answered), "a call without an answer"
