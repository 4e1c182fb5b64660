"""Tools on the server: which of the model's calls are ours, and when it speaks on after them.

It stands between the session and its shell: `screened` takes what the session asks for, and gives
it as client and engine may see it, with the tools' own part added.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from voicehub.errors import ClientError
from voicehub.realtime.frame import Body, Frame, as_object, server_frame
from voicehub.session.commands import CallTool, Command, ToClient, ToEngine
from voicehub.session.events import ToolAnswered
from voicehub.session.spec import SessionSpec
from voicehub.session.tool_list import SERVER_TOOLS, tools_beside
from voicehub.session.tool_veil import Veil

# Responses with tools in a row, without a word of the user between them. Beyond it the model's
# calls are answered by words that say so, and it must speak.
ROUNDS_MAX = 5
# Calls of one response; those beyond are answered by an error.
CALLS_MAX = 16
# Calls and events of ours that are remembered; answers to older ones reach the client.
REMEMBERED_MAX = 256
# Responses whose calls are waited for, and those out of band; the oldest is given up, and what its
# tools answer is dropped.
RESPONSES_MAX = 16

TOO_MANY_ROUNDS = "Tools were used too often in this turn. Answer with what you know by now."
TOO_MANY_CALLS = "Too many tools at once. Use fewer."


@dataclass(slots=True)
class _Round:
    """The calls of one response."""

    number: int = 0
    """Its place in the turn; 0 while no call of it is the server's."""
    calls: int = 0
    waiting: set[str] = field(default_factory=set)
    """Calls that run."""
    shared: bool = False
    """Whether the client has calls of its own in it, after which it asks for the response."""
    ended: Body | None = None
    """The response as it ended."""
    passed: bool = False
    """Whether the conversation has gone on without it: then its answers are only kept."""


class ServerTools:
    def __init__(self, spec: SessionSpec, new_id: Callable[[str], str]) -> None:
        self._new_id = new_id
        self._tools = spec.tools
        self._names = frozenset(tool["name"] for tool in spec.tools)
        self._veil = None if SERVER_TOOLS in spec.client_may else Veil(self._names)
        self._session: Body = {}
        self._closing = False
        self._rounds: OrderedDict[str, _Round] = OrderedDict()
        self._asides: OrderedDict[str, None] = OrderedDict()
        """Responses out of band: they cannot go on after a tool."""
        self._calls: OrderedDict[str, None] = OrderedDict()
        self._own_events: OrderedDict[str, None] = OrderedDict()
        self._turn_rounds = 0
        self._client_owes = False
        self._speaking = False
        self._next_event_id: str | None = None
        """Of our response.create, until the response is there or refused."""
        self._held: Frame | None = None
        """The client's response.create, which waits for what the server's tools say."""
        self._reactions: dict[str, Callable[[Frame], list[Command]]] = {
            "input_audio_buffer.speech_started": self._speech_started,
            "input_audio_buffer.speech_stopped": self._speech_stopped,
            "input_audio_buffer.cleared": self._speech_stopped,
            "input_audio_buffer.committed": self._committed,
            "response.created": self._response_created,
            "response.output_item.done": self._output_item_done,
            "response.done": self._response_done,
        }
        self._asked: dict[str, Callable[[Frame], list[Command]]] = {
            "session.update": self._session_asked,
            "response.create": self._response_asked,
            "response.cancel": self._cancel_asked,
            "conversation.item.create": self._item_asked,
        }

    @property
    def busy(self) -> bool:
        """Whether the caller still waits for what a tool says."""
        runs = any(not each.passed and each.number for each in self._rounds.values())
        return runs or self._next_event_id is not None

    def configure(self, session: Body) -> None:
        """The engine's session is now this."""
        self._session = session

    def close(self) -> None:
        """The session ends: nothing is run any more, and nobody waits for an answer."""
        self._closing = True
        self._held = self._next_event_id = None
        self._rounds.clear()

    def screened(self, commands: list[Command]) -> list[Command]:
        """`commands`, without what the client must not see and with what the tools need."""
        if not self._tools:
            return commands
        screened: list[Command] = []
        for command in commands:
            if isinstance(command, ToClient):
                screened += self._to_client(command)
            elif isinstance(command, ToEngine) and not self._is_own(command.frame.event_id):
                ask = self._asked.get(command.frame.type)
                screened += ask(command.frame) if ask else [command]
            else:
                screened.append(command)
        return screened

    def answered(self, event: ToolAnswered) -> list[Command]:
        """A tool has answered: the model is told, and speaks on after the last of its calls."""
        for response_id, each in self._rounds.items():
            if event.call_id in each.waiting:
                each.waiting.discard(event.call_id)
                return [self._output(event.call_id, event.output), *self._go_on(response_id)]
        return []

    # -- to the client -----------------------------------------------------------------------------

    def _to_client(self, command: ToClient) -> list[Command]:
        frame = command.frame
        if frame.type == "error":
            event_id = as_object(frame.body.get("error")).get("event_id")
            if self._is_own(event_id):
                if event_id == self._next_event_id:
                    self._next_event_id = None
                return []
        shown = self._veil.shown(frame) if self._veil else frame
        react = self._reactions.get(frame.type)
        reaction = react(frame) if react else []
        if shown is None:
            return reaction
        if shown is not frame:
            command = replace(command, frame=shown)
        return [command, *reaction]

    def _speech_started(self, _frame: Frame) -> list[Command]:
        self._speaking = True
        return self._user_turn()

    def _speech_stopped(self, _frame: Frame) -> list[Command]:
        self._speaking = False
        return []

    def _committed(self, _frame: Frame) -> list[Command]:
        self._speaking = False
        return self._user_turn()

    def _user_turn(self) -> list[Command]:
        self._turn_rounds = 0
        return self._pass()

    def _pass(self) -> list[Command]:
        """The conversation goes on without the rounds that wait."""
        for each in self._rounds.values():
            each.passed = True
        return self._released()

    def _response_created(self, frame: Frame) -> list[Command]:
        response = as_object(frame.body.get("response"))
        response_id = str(response.get("id"))
        if "conversation_id" in response and response["conversation_id"] is None:
            _note(self._asides, response_id, RESPONSES_MAX)
            return []
        self._next_event_id = None
        return self._pass()

    def _output_item_done(self, frame: Frame) -> list[Command]:
        response_id = str(frame.body.get("response_id"))
        return self._take(response_id, as_object(frame.body.get("item")))

    def _response_done(self, frame: Frame) -> list[Command]:
        response = as_object(frame.body.get("response"))
        response_id = str(response.get("id"))
        output = response.get("output")
        commands: list[Command] = []
        # Some engines show a finished item only here.
        for item in output if isinstance(output, list) else []:
            commands += self._take(response_id, as_object(item))
        self._asides.pop(response_id, None)
        ended = self._rounds.get(response_id)
        if ended is None:
            return commands
        ended.ended = response
        self._client_owes = ended.shared
        ended.passed = ended.passed or response.get("status") != "completed"
        return commands + self._go_on(response_id)

    # -- calls -------------------------------------------------------------------------------------

    def _take(self, response_id: str, item: Body) -> list[Command]:
        """A finished item of a response: is it a call of ours?"""
        call_id, name, arguments = (item.get(key) for key in ("call_id", "name", "arguments"))
        if item.get("type") != "function_call" or item.get("status") == "incomplete":
            return []
        if response_id in self._asides or self._closing or not isinstance(call_id, str):
            return []
        found = self._round(response_id)
        if not isinstance(name, str) or name not in self._names:
            found.shared = True
            return []
        if call_id in self._calls:
            return []
        _note(self._calls, call_id, REMEMBERED_MAX)
        return [self._run(found, call_id, name, arguments if isinstance(arguments, str) else "")]

    def _run(self, found: _Round, call_id: str, name: str, arguments: str) -> Command:
        if not found.number:
            self._turn_rounds += 1
            found.number = self._turn_rounds
        found.calls += 1
        if found.number > ROUNDS_MAX:
            return self._output(call_id, failure(TOO_MANY_ROUNDS))
        if found.calls > CALLS_MAX:
            return self._output(call_id, failure(TOO_MANY_CALLS))
        found.waiting.add(call_id)
        return CallTool(call_id, name, arguments)

    def _round(self, response_id: str) -> _Round:
        found = self._rounds.setdefault(response_id, _Round())
        if len(self._rounds) > RESPONSES_MAX:
            self._rounds.popitem(last=False)
        return found

    def _go_on(self, response_id: str) -> list[Command]:
        """Once a response has ended and all its calls are answered, the model speaks."""
        found = self._rounds[response_id]
        if found.ended is None or found.waiting:
            return []
        del self._rounds[response_id]
        if found.shared:
            return self._released()
        if not found.number or found.passed or self._speaking:
            return []
        if found.number > ROUNDS_MAX + 1:
            # It was told to speak, and used a tool once more.
            return []
        params = self._next_response(found, found.ended)
        asked = self._own("response.create", **({"response": params} if params else {}))
        self._next_event_id = asked.frame.event_id
        return [asked]

    def _next_response(self, found: _Round, ended: Body) -> Body:
        params: Body = {}
        if found.number > ROUNDS_MAX:
            params["tool_choice"] = "none"
        elif self._session.get("tool_choice", "auto") not in ("auto", "none", None):
            # A choice that forces a tool would force one after each answer.
            params["tool_choice"] = "auto"
        modalities = ended.get("output_modalities")
        if modalities and modalities != self._session.get("output_modalities"):
            params["output_modalities"] = modalities
        return params

    def _output(self, call_id: str, output: str) -> ToEngine:
        item_id = self._new_id("item")
        if self._veil:
            self._veil.hide(item_id)
        item = {
            "id": item_id,
            "type": "function_call_output",
            "call_id": call_id,
            "output": output,
        }
        return self._own("conversation.item.create", item=item)

    def _own(self, kind: str, /, **fields: Any) -> ToEngine:
        """A client event of our own; the engine's error about it is not the client's."""
        frame = server_frame(self._new_id("event"), kind, **fields)
        _note(self._own_events, frame.body["event_id"], REMEMBERED_MAX)
        return ToEngine(frame)

    def _is_own(self, event_id: object) -> bool:
        return isinstance(event_id, str) and event_id in self._own_events

    # -- to the engine -----------------------------------------------------------------------------

    def _session_asked(self, frame: Frame) -> list[Command]:
        session = frame.body["session"]
        if "tools" not in session:
            return [ToEngine(frame)]
        kept, errors = self._merged(session, frame, "session")
        return [*errors, ToEngine(replace(frame, body={**frame.body, "session": kept}, raw=None))]

    def _response_asked(self, frame: Frame) -> list[Command]:
        params = as_object(frame.body.get("response"))
        commands: list[Command] = []
        if params.get("conversation") == "none":
            params = self._without_ours(params)
        elif "tools" in params:
            params, commands = self._merged(params, frame, "response")
        if params is not frame.body.get("response") and params:
            frame = replace(frame, body={**frame.body, "response": params}, raw=None)
        if params.get("conversation") == "none":
            return [*commands, ToEngine(frame)]
        rounds = self._rounds.values()
        waits = any(each.shared and each.waiting and not each.passed for each in rounds)
        if waits and self._held is None:
            self._held = frame
            return commands
        if not self._client_owes:
            self._turn_rounds = 0
        self._client_owes = False
        return [*commands, ToEngine(frame)]

    def _cancel_asked(self, frame: Frame) -> list[Command]:
        """Between two responses too, the client wants no more of this one."""
        if str(frame.body.get("response_id")) not in self._asides:
            self._held = None
            for each in self._rounds.values():
                each.passed = True
        return [ToEngine(frame)]

    def _released(self) -> list[Command]:
        """The client's response.create, if it waited."""
        if self._held is None:
            return []
        frame, self._held = self._held, None
        self._client_owes = False
        return [ToEngine(frame)]

    def _item_asked(self, frame: Frame) -> list[Command]:
        item = as_object(frame.body.get("item"))
        if item.get("type") == "function_call_output" and str(item.get("call_id")) in self._calls:
            error = ClientError(
                "The server answers this call itself.", code="not_allowed", param="item.call_id"
            )
            return [self._refusal(error, frame)]
        if item.get("role") == "user":
            self._turn_rounds = 0
        return [ToEngine(frame)]

    def _merged(self, given: Body, frame: Frame, path: str) -> tuple[Body, list[Command]]:
        """`given` with the server's tools beside the client's own."""
        asked = given["tools"] if isinstance(given["tools"], list) else []
        tools = tools_beside(self._tools, asked)
        errors: list[Command] = []
        if len(tools) < len(self._tools) + len(asked):
            what = "A tool of this name runs on the server. The client's own was ignored."
            error = ClientError(what, code="not_allowed", param=f"{path}.tools")
            errors.append(self._refusal(error, frame))
        return {**given, "tools": tools}, errors

    def _without_ours(self, params: Body) -> Body:
        """A response out of band cannot go on after a tool: it has the client's tools alone."""
        given = params.get("tools", self._session.get("tools"))
        tools = tools_beside(self._tools, given)[len(self._tools) :]
        changed = {**params, "tools": tools}
        if not tools:
            changed["tool_choice"] = "none"
        return changed

    def _refusal(self, error: ClientError, frame: Frame) -> ToClient:
        body = error.as_openai(frame.event_id)
        return ToClient(server_frame(self._new_id("event"), "error", error=body))


def failure(what: str) -> str:
    """What a model is told of a tool that did not do its work."""
    return orjson.dumps({"error": what}).decode()


def _note(seen: OrderedDict[str, None], key: str, limit: int) -> None:
    seen[key] = None
    if len(seen) > limit:
        seen.popitem(last=False)
