"""Writes down what the engine's events mean: who said what and when, and what it cost."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from voicehub.audio.formats import AudioFormat, ToPcm24k
from voicehub.audio.timeline import Timeline
from voicehub.errors import ClientError
from voicehub.realtime.frame import Body, Frame, as_object
from voicehub.realtime.tokens import duration_usage
from voicehub.session.commands import Command, KeepLine
from voicehub.session.metering import Meter
from voicehub.session.resumption import Resumption
from voicehub.session.transcript import Transcript, Utterance, message_text

USER = "user"
AGENT = "agent"


@dataclass(frozen=True, slots=True)
class Voice:
    """How a response in progress is heard."""

    audio_format: AudioFormat
    to_pcm: ToPcm24k
    aside: bool
    """Out of band: its text is an answer to a program, not a line of the conversation."""


class Scribe:
    """One per session. `note` takes each engine event before the client sees it."""

    def __init__(
        self,
        session: Body,
        meter: Meter,
        *,
        now_ms: float,
        wall_ms: float,
        resumes: Resumption | None = None,
    ) -> None:
        """The owner's first sample is now, after what it `resumes`."""
        self.at_ms = resumes.position_ms(wall_ms) if resumes else 0.0
        """Where that stands on the session's time line."""
        self.timeline = Timeline(now_ms)
        self.user_speaking = False
        self.active: dict[str, Voice] = {}
        """Responses in progress, in order."""
        self.transcribing: set[str] = set()
        """The caller's turns whose words are still to come."""
        self._meter = meter
        self._transcript = Transcript(wall_ms, self.at_ms, resumes.last_order if resumes else 0.0)
        self._sequence = resumes.sequence if resumes else 0
        self._buffer_start_ms: float | None = None
        self._input_format = self._output_format = AudioFormat.PCM
        self._agreed_format = self._input_format
        self._updates_asked = 0
        self._to_pcm = ToPcm24k(self._input_format)
        self._configure(session)
        self._notes: dict[str, Callable[[Frame, float], list[Command]]] = {
            "session.updated": self._session_updated,
            "error": self._engine_refused,
            "input_audio_buffer.speech_started": self._speech_started,
            "input_audio_buffer.speech_stopped": self._speech_stopped,
            "input_audio_buffer.committed": self._committed,
            "input_audio_buffer.cleared": self._cleared,
            "conversation.item.added": self._item_added,
            "conversation.item.done": self._item_done,
            "conversation.item.truncated": self._item_truncated,
            "conversation.item.input_audio_transcription.completed": self._transcribed,
            "conversation.item.input_audio_transcription.failed": self._not_transcribed,
            "response.created": self._response_created,
            "response.output_audio_transcript.delta": self._agent_words,
            "response.output_text.delta": self._agent_words,
            "response.output_audio_transcript.done": self._agent_said,
            "response.output_text.done": self._agent_said,
            "response.output_item.done": self._output_item_done,
        }

    def note(self, frame: Frame, now_ms: float) -> list[Command]:
        """The lines that `frame` finishes or corrects. Agent audio is `meter_agent`'s and
        `hear_agent`'s, `response.done` is `close_response`'s.
        """
        note = self._notes.get(frame.type)
        return note(frame, now_ms) if note else []

    def expect(self, session: Body) -> None:
        """The client asks for `session`: the audio that it sends from here on is in the format
        that it names there, although the engine's answer is still to come.
        """
        self._updates_asked += 1
        given = as_object(as_object(session.get("audio")).get("input"))
        if given.get("format"):
            self._take_format(_format(given, self._input_format))

    def hear_user(self, audio: bytes, now_ms: float) -> None:
        """The caller's audio in the input format. Raises ClientError on half a sample."""
        if len(audio) % self._input_format.bytes_per_sample:
            raise ClientError(
                "'audio' ends within a sample: 16-bit PCM has an even number of bytes.",
                param="audio",
            )
        duration_ms = self._input_format.duration_ms(len(audio))
        if self._buffer_start_ms is None:
            self._buffer_start_ms = self.timeline.input_ms
        self.timeline.add_user(self._to_pcm(audio), now_ms)
        self._meter.hear_user(duration_ms)
        if self.user_speaking or not self._detects_turns:
            self._meter.speech(duration_ms)

    def meter_agent(self, frame: Frame) -> None:
        """Count the agent's audio, whether or not anyone hears it."""
        voice = self._voice(frame)
        duration_ms = voice.audio_format.duration_ms(len(frame.audio or b""))
        self._meter.hear_agent(str(frame.body.get("response_id")), duration_ms)

    def hear_agent(self, frame: Frame, now_ms: float) -> None:
        """The agent's audio goes to the client."""
        voice = self._voice(frame)
        item_id = _item_id(frame)
        audio = frame.audio or b""
        # Half a sample at the end is no sound.
        whole = len(audio) - len(audio) % voice.audio_format.bytes_per_sample
        self.timeline.add_agent(item_id, voice.to_pcm(audio[:whole]), now_ms)
        self._heard(self._transcript.utterance(item_id, AGENT))

    def hear_late(self, frames: list[Frame], now_ms: float) -> list[Command]:
        """The client hears from now on what it had missed: lines that were kept are corrected."""
        for frame in frames:
            self.hear_agent(frame, now_ms)
        found = [self._transcript.find(item_id) for item_id in dict.fromkeys(map(_item_id, frames))]
        return [self._finish(each, now_ms) for each in found if each is not None and each.finished]

    def audio_format_of(self, frame: Frame) -> AudioFormat:
        """The format of the agent's audio in `frame`."""
        return self._voice(frame).audio_format

    def correct_playout(self, item_id: str, heard_ms: float, now_ms: float) -> list[Command]:
        """The client says how much of an item was heard. Raises ClientError where none was sent."""
        if self.timeline.agent_span_ms(item_id) is None:
            raise ClientError(
                "No audio of this item is known.", code="item_not_found", param="item_id"
            )
        return [
            command
            for lost in self.timeline.stop_agent(item_id, heard_ms)
            for command in self._correct(lost, now_ms)
        ]

    def close_response(self, frame: Frame) -> Frame:
        """Add the usage of a `response.done`; one without usage gets duration tokens for it."""
        response = as_object(frame.body.get("response"))
        response_id = response_id_of(frame)
        self.active.pop(response_id, None)
        user_ms, agent_ms = self._meter.take_pending(response_id)
        usage = as_object(response.get("usage"))
        if not usage:
            usage = duration_usage(user_ms, agent_ms, 0, 0)
            frame = replace(
                frame, body={**frame.body, "response": {**response, "usage": usage}}, raw=None
            )
        self._meter.add_response(usage)
        return frame

    def silence_agent(self, now_ms: float) -> list[Command]:
        """Nobody hears the agent from now on: cut its audio, mark the lines. Who has left cannot
        tell what was heard, so the words stay.
        """
        return [
            command
            for item_id in self.timeline.cut_agent(now_ms)
            for command in self._correct(item_id, now_ms, words=False)
        ]

    def break_off(self, now_ms: float) -> list[Command]:
        """The session ends: keep what the agent had begun to say, and cut what was not heard."""
        commands = self.silence_agent(now_ms)
        for utterance in self._transcript.unfinished(AGENT):
            utterance.interrupted = True
            commands.append(self._finish(utterance, now_ms))
        return commands

    def _configure(self, session: Body) -> None:
        audio = as_object(session.get("audio"))
        given = as_object(audio.get("input"))
        self._agreed_format = _format(given, self._agreed_format)
        if not self._updates_asked:
            self._take_format(self._agreed_format)
        self._output_format = _format(as_object(audio.get("output")), self._output_format)
        self._default_voice = self._new_voice(self._output_format)
        detection = as_object(given.get("turn_detection"))
        self._detects_turns = bool(detection)
        self._interrupts = detection.get("interrupt_response") is not False
        self._padding_ms = _number(detection.get("prefix_padding_ms"))
        self._silence_ms = _number(detection.get("silence_duration_ms"))
        self._transcribes = given.get("transcription") is not None

    def _take_format(self, input_format: AudioFormat) -> None:
        if input_format is not self._input_format:
            # Otherwise the resampler goes on: a new one would leave a click.
            self._input_format = input_format
            self._to_pcm = ToPcm24k(input_format)

    @staticmethod
    def _new_voice(audio_format: AudioFormat, *, aside: bool = False) -> Voice:
        return Voice(audio_format, ToPcm24k(audio_format), aside)

    def _voice(self, frame: Frame) -> Voice:
        return self.active.get(str(frame.body.get("response_id")), self._default_voice)

    def _engine_refused(self, _frame: Frame, _now_ms: float) -> list[Command]:
        """An error names no event unless the client did: take it for the answer to an update."""
        self._updates_asked = max(0, self._updates_asked - 1)
        if not self._updates_asked:
            self._take_format(self._agreed_format)
        return []

    def _session_updated(self, frame: Frame, _now_ms: float) -> list[Command]:
        self._updates_asked = max(0, self._updates_asked - 1)
        self._configure(as_object(frame.body.get("session")))
        return []

    def _speech_started(self, frame: Frame, now_ms: float) -> list[Command]:
        self.user_speaking = True
        utterance = self._transcript.utterance(_item_id(frame), USER)
        # The protocol's start includes the padding before the speech.
        spoken_ms = _number(frame.body.get("audio_start_ms")) + self._padding_ms
        utterance.start_ms = self.timeline.input_position_ms(min(spoken_ms, self.timeline.input_ms))
        cut = self.timeline.cut_agent(now_ms) if self._interrupts else []
        return [command for item_id in cut for command in self._correct(item_id, now_ms)]

    def _speech_stopped(self, frame: Frame, _now_ms: float) -> list[Command]:
        self.user_speaking = False
        utterance = self._transcript.utterance(_item_id(frame), USER)
        # The protocol's end includes the silence that was waited for.
        end_ms = _number(frame.body.get("audio_end_ms")) - self._silence_ms
        end_ms = min(max(0.0, end_ms), self.timeline.input_ms)
        utterance.end_ms = self.timeline.input_position_ms(end_ms)
        return []

    def _committed(self, frame: Frame, _now_ms: float) -> list[Command]:
        self.user_speaking = False
        utterance = self._transcript.utterance(_item_id(frame), USER)
        if utterance.start_ms is None:
            start_ms = self.timeline.input_ms
            if self._buffer_start_ms is not None:
                start_ms = self._buffer_start_ms
            utterance.start_ms = self.timeline.input_position_ms(start_ms)
        if utterance.end_ms is None:
            utterance.end_ms = self.timeline.input_position_ms(self.timeline.input_ms)
        self._buffer_start_ms = None
        if self._transcribes:
            self.transcribing.add(utterance.item_id)
        return []

    def _cleared(self, _frame: Frame, _now_ms: float) -> list[Command]:
        self._buffer_start_ms = None
        self.user_speaking = False
        return []

    def _item_added(self, frame: Frame, _now_ms: float) -> list[Command]:
        item = as_object(frame.body.get("item"))
        if item.get("type") == "message" and item.get("role") in ("user", "assistant"):
            speaker = USER if item["role"] == "user" else AGENT
            self._transcript.place(str(item.get("id")), speaker, frame.body.get("previous_item_id"))
        return []

    def _item_done(self, frame: Frame, now_ms: float) -> list[Command]:
        item = as_object(frame.body.get("item"))
        utterance = self._transcript.find(str(item.get("id")))
        text = message_text(item)
        if utterance is None or utterance.finished or not text:
            return []
        utterance.parts = {0: text}
        return [self._finish(utterance, now_ms)]

    def _item_truncated(self, frame: Frame, now_ms: float) -> list[Command]:
        heard_ms = max(0.0, _number(frame.body.get("audio_end_ms")))
        return [
            command
            for item_id in self.timeline.truncate_agent(_item_id(frame), heard_ms)
            for command in self._correct(item_id, now_ms)
        ]

    def _transcribed(self, frame: Frame, now_ms: float) -> list[Command]:
        item_id = _item_id(frame)
        self.transcribing.discard(item_id)
        self._meter.add_transcription(as_object(frame.body.get("usage")))
        utterance = self._transcript.utterance(item_id, USER)
        words = frame.body.get("transcript")
        if not isinstance(words, str) or not words.strip():
            return []
        utterance.parts[_index(frame)] = words.strip()
        return [self._finish(utterance, now_ms)]

    def _not_transcribed(self, frame: Frame, _now_ms: float) -> list[Command]:
        self.transcribing.discard(_item_id(frame))
        return []

    def _response_created(self, frame: Frame, _now_ms: float) -> list[Command]:
        response = as_object(frame.body.get("response"))
        # A response may have a format of its own.
        output = as_object(as_object(response.get("audio")).get("output"))
        aside = "conversation_id" in response and response["conversation_id"] is None
        self.active[response_id_of(frame)] = self._new_voice(
            _format(output, self._output_format), aside=aside
        )
        return []

    def _is_aside(self, frame: Frame) -> bool:
        return frame.type.startswith("response.output_text.") and self._voice(frame).aside

    def _agent_words(self, frame: Frame, now_ms: float) -> list[Command]:
        if self._is_aside(frame):
            return []
        utterance = self._transcript.utterance(_item_id(frame), AGENT)
        if utterance.start_ms is None:
            utterance.start_ms = self.timeline.position_ms(now_ms)
        _, given_ms = self.timeline.agent_heard_ms(utterance.item_id)
        utterance.say(_index(frame), str(frame.body.get("delta", "")), given_ms)
        return []

    def _agent_said(self, frame: Frame, now_ms: float) -> list[Command]:
        if self._is_aside(frame):
            return []
        utterance = self._transcript.utterance(_item_id(frame), AGENT)
        words = frame.body.get("transcript", frame.body.get("text"))
        if isinstance(words, str):
            utterance.parts[_index(frame)] = words
        return [self._finish(utterance, now_ms)] if utterance.text else []

    def _output_item_done(self, frame: Frame, now_ms: float) -> list[Command]:
        item = as_object(frame.body.get("item"))
        utterance = self._transcript.find(str(item.get("id")))
        if utterance is None:
            return []
        utterance.heard.is_complete = item.get("status") == "completed"
        if item.get("status") != "incomplete" or not utterance.text:
            return []
        return [] if utterance.interrupted else self._correct(utterance.item_id, now_ms)

    def _correct(self, item_id: str, now_ms: float, *, words: bool = True) -> list[Command]:
        """The agent was interrupted in `item_id`: a line already kept is kept anew, without the
        words that were not heard if they are to be cut.
        """
        utterance = self._transcript.find(item_id)
        if utterance is None:
            return []
        before = utterance.shown
        utterance.interrupted = True
        self._heard(utterance)
        if words:
            utterance.heard.cut(*self.timeline.agent_heard_ms(item_id))
        unchanged = before == utterance.shown
        if unchanged or not utterance.finished:
            return []
        return [self._finish(utterance, now_ms)]

    def _heard(self, utterance: Utterance) -> None:
        if span := self.timeline.agent_span_ms(utterance.item_id):
            utterance.start_ms, utterance.end_ms = span

    def _finish(self, utterance: Utterance, now_ms: float) -> Command:
        utterance.finished = True
        self._sequence += 1
        position_ms = self.timeline.position_ms(now_ms)
        return KeepLine(self._sequence, self._transcript.line(utterance, position_ms))


def response_id_of(frame: Frame) -> str:
    """The id of the response that a `response.created` or `response.done` is about."""
    return str(as_object(frame.body.get("response")).get("id"))


def _format(given: Body, default: AudioFormat) -> AudioFormat:
    """The format that an engine names; one that names none has `default`."""
    try:
        return AudioFormat.from_ga(given.get("format"), "format")
    except ClientError:
        return default


def _item_id(frame: Frame) -> str:
    return str(frame.body.get("item_id"))


def _index(frame: Frame) -> int:
    return int(_number(frame.body.get("content_index")))


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and abs(value) < 1e12 else 0.0
