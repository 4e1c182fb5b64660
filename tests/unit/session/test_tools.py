"""Tools on the server, event by event: who runs them, who sees them, who speaks on after them."""

from tests.sessions import Live, effective, usage
from voicehub.errors import DrainError
from voicehub.realtime.frame import Body, Frame
from voicehub.session import events
from voicehub.session.commands import CallTool, ToEngine
from voicehub.session.state import EndedReason
from voicehub.session.tools import CALLS_MAX, ROUNDS_MAX

LOOKUP = {"type": "function", "name": "lookup", "description": "Finds.", "parameters": {}}
DIM = {"type": "function", "name": "dim_screen", "description": "", "parameters": {}}


class Talk(Live):
    """A session whose agent has the tool `lookup`, and a client that has `dim_screen`."""

    def __init__(self, *client_may: str, **session) -> None:
        may = frozenset({"tools", *client_may})
        opened = effective(tool_choice="auto", **session)
        super().__init__(session=opened, tools=(LOOKUP,), client_may=may)
        self.all.clear()

    def begin(self, response="resp_1", **fields) -> list[str]:
        shown = {"id": response, "conversation_id": "conv_1", **fields}
        return self.engine("response.created", response=shown)

    def use(self, call_id="call_1", *, name="lookup", response="resp_1", **fields) -> list[str]:
        """The model asks for a tool: all events of the item."""
        item = {
            "id": f"item_{call_id}",
            "type": "function_call",
            "name": name,
            "call_id": call_id,
            "arguments": '{"order": 7}',
            "status": "completed",
            **fields,
        }
        place = {"response_id": response, "output_index": 0}
        words = self.engine("response.output_item.added", item=item, **place)
        words += self.engine("conversation.item.added", item=item, previous_item_id=None)
        kind = "response.function_call_arguments.done"
        words += self.engine(kind, item_id=item["id"], name=name, call_id=call_id, **place)
        words += self.engine("response.output_item.done", item=item, **place)
        return words + self.engine("conversation.item.done", item=item, previous_item_id=None)

    def end(self, response="resp_1", *, status="completed", **fields) -> list[str]:
        shown = {"id": response, "status": status, "output": [], "usage": usage(1, 1, 1, 1)}
        words = self.engine("response.done", response={**shown, **fields})
        return [each for each in words if not each.startswith("book")]

    def answer(self, call_id="call_1", output="found") -> list[str]:
        return self.do(events.ToolAnswered(call_id, output))

    def round(self, number: int) -> list[str]:
        """One response that uses the tool, and its answer if it was run."""
        response, call_id = f"resp_{number}", f"call_{number}"
        self.begin(response)
        words = self.use(call_id, response=response) + self.end(response)
        return words + self.answer(call_id)

    def sent(self, kind: str) -> list[Body]:
        """What the engine was sent of one type."""
        frames = [each.frame for each in self.all if isinstance(each, ToEngine)]
        return [frame.body for frame in frames if frame.type == kind]

    def outputs(self) -> list[str]:
        return [body["item"]["output"] for body in self.sent("conversation.item.create")]


def test_a_servers_tool_is_run_and_the_model_speaks_on_and_the_client_sees_none_of_it():
    talk = Talk()
    assert talk.begin() == ["client response.created", "book 2"]
    assert talk.use() == ["tool lookup call_1"]
    (asked,) = [each for each in talk.all if isinstance(each, CallTool)]
    assert asked.arguments == '{"order": 7}'
    assert talk.end() == ["client response.done held"]
    assert talk.answer() == ["engine conversation.item.create", "engine response.create"]
    (created,) = talk.sent("conversation.item.create")
    item = created["item"]
    assert (item["type"], item["call_id"], item["output"]) == (
        "function_call_output",
        "call_1",
        "found",
    )
    added = talk.engine("conversation.item.added", item=item, previous_item_id="item_call_1")
    assert added == []


def test_a_call_that_only_the_end_of_the_response_shows_is_run():
    talk = Talk()
    talk.begin()
    item = {"type": "function_call", "name": "lookup", "call_id": "call_9", "arguments": "{}"}
    assert talk.end(output=[item]) == ["client response.done held", "tool lookup call_9"]
    assert talk.frames("response.done")[0].body["response"]["output"] == []


def test_a_call_is_run_once_however_often_it_is_shown():
    talk = Talk()
    talk.begin()
    talk.use()
    item = {"type": "function_call", "name": "lookup", "call_id": "call_1", "arguments": "{}"}
    assert talk.end(output=[item]) == ["client response.done held"]
    assert talk.answer() == ["engine conversation.item.create", "engine response.create"]
    assert talk.answer() == []


def test_a_call_whose_arguments_were_cut_short_is_not_run():
    talk = Talk()
    talk.begin()
    assert talk.use(status="incomplete") == []
    assert talk.end(status="incomplete") == ["client response.done held"]


def test_the_model_speaks_after_the_last_of_several_calls():
    talk = Talk()
    talk.begin()
    assert talk.use("call_1") + talk.use("call_2") == ["tool lookup call_1", "tool lookup call_2"]
    assert talk.answer("call_2") == ["engine conversation.item.create"]
    talk.end()
    assert talk.answer("call_1") == ["engine conversation.item.create", "engine response.create"]


def test_a_tool_that_answers_before_the_response_ends_waits_for_the_end():
    talk = Talk()
    talk.begin()
    talk.use()
    assert talk.answer() == ["engine conversation.item.create"]
    assert talk.end() == ["client response.done held", "engine response.create"]


def test_the_clients_own_tools_are_the_clients():
    talk = Talk()
    talk.begin()
    words = talk.use(name="dim_screen")
    assert words[0] == "client response.output_item.added"
    assert len(words) == 5
    assert talk.end() == ["client response.done held"]
    given = {"type": "function_call_output", "call_id": "call_1", "output": "done"}
    assert talk.client("conversation.item.create", item=given) == [
        "engine conversation.item.create"
    ]
    assert talk.client("response.create") == ["engine response.create"]


def test_where_both_have_calls_the_clients_request_waits_for_the_servers_answers():
    talk = Talk()
    talk.begin()
    talk.use("call_1")
    talk.use("call_2", name="dim_screen")
    talk.end()
    assert talk.client("response.create", response={"metadata": {"a": "b"}}) == []
    assert talk.answer("call_1") == ["engine conversation.item.create", "engine response.create"]
    assert talk.sent("response.create")[-1]["response"] == {"metadata": {"a": "b"}}


def test_where_both_have_calls_the_server_does_not_ask_for_the_response():
    talk = Talk()
    talk.begin()
    talk.use("call_1")
    talk.use("call_2", name="dim_screen")
    talk.end()
    assert talk.answer("call_1") == ["engine conversation.item.create"]
    assert talk.client("response.create") == ["engine response.create"]


def test_a_request_that_waits_goes_on_when_the_user_speaks():
    talk = Talk()
    talk.begin()
    talk.use("call_1")
    talk.use("call_2", name="dim_screen")
    talk.end()
    assert talk.client("response.create") == []
    started = talk.engine("input_audio_buffer.speech_started", item_id="u", audio_start_ms=0)
    assert started == ["client input_audio_buffer.speech_started", "engine response.create"]


def test_after_a_barge_in_the_answer_is_kept_and_nothing_more():
    talk = Talk()
    talk.begin()
    talk.use()
    talk.engine("input_audio_buffer.speech_started", item_id="u", audio_start_ms=0)
    talk.end(status="cancelled")
    assert talk.answer() == ["engine conversation.item.create"]
    assert talk.outputs() == ["found"]


def test_while_the_user_speaks_the_model_does_not():
    talk = Talk()
    talk.engine("input_audio_buffer.speech_started", item_id="u", audio_start_ms=0)
    talk.begin()
    talk.use()
    talk.end()
    assert talk.answer() == ["engine conversation.item.create"]


def test_after_a_response_that_was_cancelled_the_answer_is_kept_and_nothing_more():
    talk = Talk()
    talk.begin()
    talk.use()
    talk.end(status="cancelled")
    assert talk.answer() == ["engine conversation.item.create"]


def test_once_another_response_has_begun_the_answer_is_kept_and_nothing_more():
    talk = Talk()
    talk.begin()
    talk.use()
    talk.end()
    talk.begin("resp_2")
    assert talk.answer() == ["engine conversation.item.create"]


def test_a_client_may_cancel_while_the_tool_runs():
    talk = Talk()
    talk.begin()
    talk.use("call_1")
    talk.use("call_2", name="dim_screen")
    talk.end()
    assert talk.client("response.create") == []
    assert talk.client("response.cancel") == ["engine response.cancel"]
    assert talk.answer("call_1") == ["engine conversation.item.create"]
    assert talk.round(3)[-1] == "engine response.create"


def test_a_cancel_of_a_response_out_of_band_stops_nothing_else():
    talk = Talk()
    talk.begin()
    talk.use()
    talk.end()
    talk.begin("resp_2", conversation_id=None)
    talk.client("response.cancel", response_id="resp_2")
    assert talk.answer() == ["engine conversation.item.create", "engine response.create"]


def test_a_response_out_of_band_uses_no_tool_of_the_server():
    talk = Talk(tools=[LOOKUP, DIM])
    talk.client("response.create", response={"conversation": "none"})
    assert talk.sent("response.create")[-1]["response"]["tools"] == [DIM]
    talk.begin(conversation_id=None)
    assert talk.use() == []
    assert talk.end() == ["client response.done held"]


def test_a_response_out_of_band_without_any_tool_is_not_made_to_use_one():
    talk = Talk(tools=[LOOKUP])
    talk.client("response.create", response={"conversation": "none"})
    response = talk.sent("response.create")[-1]["response"]
    assert (response["tools"], response["tool_choice"]) == ([], "none")


def test_the_rounds_of_a_turn_are_limited_and_then_the_model_must_speak():
    talk = Talk()
    for number in range(1, ROUNDS_MAX + 1):
        assert talk.round(number)[0] == f"tool lookup call_{number}"
    assert talk.round(ROUNDS_MAX + 1) == [
        "engine conversation.item.create",
        "client response.done held",
        "engine response.create",
    ]
    assert "too often" in talk.outputs()[-1]
    assert talk.sent("response.create")[-1]["response"]["tool_choice"] == "none"
    # A model that still does not speak is left alone, until the user does.
    assert "engine response.create" not in talk.round(ROUNDS_MAX + 2)
    talk.client("conversation.item.create", item={"type": "message", "role": "user", "content": []})
    assert talk.round(ROUNDS_MAX + 3)[0] == f"tool lookup call_{ROUNDS_MAX + 3}"


def test_each_turn_of_the_user_has_its_own_rounds():
    talk = Talk()
    for number in range(1, 3 * ROUNDS_MAX):
        talk.engine("input_audio_buffer.committed", item_id=f"u{number}", previous_item_id=None)
        talk.round(number)
    assert set(talk.outputs()) == {"found"}
    for number in range(100, 100 + 2 * ROUNDS_MAX):
        talk.client("response.create")
        talk.round(number)
    assert set(talk.outputs()) == {"found"}


def test_the_calls_of_one_response_are_limited():
    talk = Talk()
    talk.begin()
    for number in range(CALLS_MAX):
        assert talk.use(f"call_{number}") == [f"tool lookup call_{number}"]
    assert talk.use("call_more") == ["engine conversation.item.create"]
    assert "Too many" in talk.outputs()[-1]


def test_a_choice_that_forces_a_tool_is_lifted_for_the_answer():
    talk = Talk()
    talk.engine("session.updated", session=effective(tool_choice="required"))
    talk.round(1)
    assert talk.sent("response.create")[-1]["response"]["tool_choice"] == "auto"


def test_the_answer_comes_as_the_response_did():
    talk = Talk()
    talk.begin()
    talk.use()
    talk.end(output_modalities=["text"])
    talk.answer()
    assert talk.sent("response.create")[-1]["response"] == {"output_modalities": ["text"]}


def test_the_clients_tools_join_the_servers():
    talk = Talk()
    talk.client("session.update", session={"type": "realtime", "tools": [DIM]})
    assert talk.sent("session.update")[-1]["session"]["tools"] == [LOOKUP, DIM]
    talk.client("response.create", response={"tools": [DIM]})
    assert talk.sent("response.create")[-1]["response"]["tools"] == [LOOKUP, DIM]
    talk.client("session.update", session={"type": "realtime", "tools": None})
    assert talk.sent("session.update")[-1]["session"]["tools"] == [LOOKUP]


def test_a_clients_tool_with_the_name_of_a_servers_is_refused():
    talk = Talk()
    session = {"type": "realtime", "tools": [{**LOOKUP, "description": "mine"}, DIM]}
    words = talk.client("session.update", session=session, event_id="mine")
    assert words == ["client error", "engine session.update"]
    assert (talk.error["param"], talk.error["event_id"]) == ("session.tools", "mine")
    assert talk.sent("session.update")[-1]["session"]["tools"] == [LOOKUP, DIM]


def test_a_client_cannot_answer_for_the_server():
    talk = Talk()
    talk.begin()
    talk.use()
    item = {"type": "function_call_output", "call_id": "call_1", "output": "forged"}
    assert talk.client("conversation.item.create", item=item) == ["client error"]
    assert talk.error["param"] == "item.call_id"


def test_an_engines_error_about_our_own_events_is_not_the_clients():
    talk = Talk()
    talk.round(1)
    for kind in ("conversation.item.create", "response.create"):
        own = talk.sent(kind)[-1]["event_id"]
        assert talk.engine("error", error={"message": "no", "event_id": own}) == []
    assert talk.engine("error", error={"message": "no", "event_id": "other"}) == ["client error"]


def test_a_client_that_may_sees_the_tools_and_the_server_runs_them():
    talk = Talk("server_tools")
    talk.begin()
    words = talk.use()
    assert [each for each in words if each.startswith("tool")] == ["tool lookup call_1"]
    assert len(words) == 6
    talk.end()
    assert talk.answer() == ["engine conversation.item.create", "engine response.create"]


def test_at_the_end_of_the_session_nothing_is_run_or_answered():
    talk = Talk()
    talk.begin()
    talk.use()
    assert talk.do(events.ClientLeft(clean=True)) == ["engine response.cancel"]
    assert talk.answer() == []
    assert talk.use("call_2") == []


def test_a_drain_waits_for_what_the_tool_says():
    talk = Talk()
    talk.begin()
    talk.use()
    talk.end()
    drain = events.EndAsked(EndedReason.DRAIN, DrainError("Going."), at_turn_end=True)
    assert talk.do(drain) == []
    assert "close 1012 server_draining" not in talk.wait(5_000)
    talk.answer()
    assert "close 1012 server_draining" not in talk.wait(5_000)
    talk.begin("resp_2")
    talk.end("resp_2")
    assert "close 1012 server_draining" in talk.wait(1_000)


def test_what_a_tool_is_asked_and_says_is_in_no_repr():
    assert "secret" not in repr(CallTool("call_1", "lookup", "secret"))
    assert "secret" not in repr(events.ToolAnswered("call_1", "secret"))


def test_a_session_without_tools_of_the_server_is_left_alone():
    live = Live()
    frame = Live.frame("response.output_item.done", {"item": {"type": "function_call"}})
    live.do(events.EngineSent(frame))
    (shown,) = live.frames("response.output_item.done")
    assert shown is frame
    assert isinstance(shown, Frame)
