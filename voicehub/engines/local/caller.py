"""The caller's side: audio into turns, by turn detection or push-to-talk, and turns into items."""

from dataclasses import dataclass

from voicehub.audio.formats import AudioFormat
from voicehub.engines.local.agent import Agent
from voicehub.engines.local.effects import Listen
from voicehub.engines.local.events import (
    SAMPLES_PER_MS,
    WINDOW_MS,
    WINDOW_SAMPLES,
    Heard,
    Samples16k,
)
from voicehub.engines.local.items import Item, Part
from voicehub.engines.local.latency import Latency
from voicehub.engines.local.session_config import TurnDetection
from voicehub.engines.local.shared import Shared
from voicehub.engines.local.transcription import Piece, Transcription
from voicehub.engines.local.transcripts import Transcripts
from voicehub.engines.local.turns import Change, TurnDetector
from voicehub.engines.local.utterance import (
    PIECE_MS_MAX,
    PIECE_SETTLED_MS,
    UTTERANCE_MS_MAX,
    Utterance,
)
from voicehub.errors import ClientError
from voicehub.realtime.frame import Frame

APPEND_BYTES_MAX = 15 << 20
COMMIT_MS_MIN = 100
# A caller who says nothing is asked so often, then left alone: each time costs tokens.
IDLE_PROMPTS_MAX = 3
_IDLE_NOTE = "The caller has said nothing for a while. Ask briefly whether they are still there."


@dataclass(slots=True, eq=False)
class _Turn:
    """A turn that is not yet committed. Times are on the audio clock."""

    start_ms: float
    transcription: Transcription
    guess: Piece | None = None
    """The piece transcribed on the chance that a pause is the end."""


class Caller:
    def __init__(self, shared: Shared, transcripts: Transcripts, agent: Agent) -> None:
        self._shared = shared
        self._transcripts = transcripts
        self._agent = agent
        self._turn: _Turn | None = None
        self._position_ms = 0.0
        """All audio written to the input buffer so far: the audio clock."""
        self._silent_since_ms = 0.0
        self._idle_prompts = 0
        self._is_full = False
        detection = shared.config.turn_detection or TurnDetection()
        self._detector = TurnDetector(detection.threshold, detection.silence_duration_ms)
        self._utterance = Utterance(detection.prefix_padding_ms)

    @property
    def turn_item_id(self) -> str | None:
        """The id that the turn being spoken will have as an item."""
        return None if self._turn is None else self._turn.transcription.item_id

    def idle_due_ms(self) -> float | None:
        """When the caller has been silent for too long."""
        detection = self._shared.config.turn_detection
        idle_since_ms = self._agent.idle_since_ms
        if detection is None or detection.idle_timeout_ms is None or idle_since_ms is None:
            return None
        if self._turn is not None or self._agent.is_busy or self._idle_prompts >= IDLE_PROMPTS_MAX:
            return None
        return idle_since_ms + detection.idle_timeout_ms

    def append(self, frame: Frame) -> None:
        """More audio; what it holds comes back as `Heard`."""
        raw = frame.audio
        if raw is None:
            raise ClientError(
                "Missing required parameter: 'audio'.",
                code="missing_required_parameter",
                param="audio",
            )
        audio_format = self._shared.config.input_format
        _check_audio(raw, audio_format)
        scored = self._shared.config.turn_detection is not None
        if not scored and not self._fits(audio_format.duration_ms(len(raw))):
            return
        if raw:
            self._shared.out.ask(Listen(raw, audio_format, scored))

    def heard(self, event: Heard, now_ms: float) -> None:
        if self._shared.config.turn_detection is None or not event.probabilities:
            self._record(event.samples)
            return
        for index, probability in enumerate(event.probabilities):
            window = event.samples[index * WINDOW_SAMPLES : (index + 1) * WINDOW_SAMPLES]
            self._window(window, probability, now_ms)

    def commit(self, now_ms: float) -> None:
        """An input_audio_buffer.commit of the client. Raises ClientError."""
        buffered_ms = 0.0 if self._turn is None else self._position_ms - self._turn.start_ms
        if self._turn is None or buffered_ms < COMMIT_MS_MIN:
            raise ClientError(
                "Error committing input audio buffer: buffer too small. Expected at least "
                f"{COMMIT_MS_MIN}ms of audio, but buffer only has {buffered_ms:.2f}ms of audio.",
                code="input_audio_buffer_commit_empty",
            )
        self._detector.reset()
        self._commit(self._turn, Latency(stopped_at_ms=now_ms), wants_answer=False)
        self._agent.proceed(now_ms)

    def clear(self, now_ms: float) -> None:
        self._drop_turn()
        self._shared.out.emit("input_audio_buffer.cleared")
        self._agent.proceed(now_ms)

    def configure(self, before: TurnDetection | None, now_ms: float) -> None:
        """The session's turn detection changed from `before`."""
        detection = self._shared.config.turn_detection
        if detection == before:
            return
        if detection is None:
            # What is being said stays in the buffer, for the client to commit.
            self._detector.reset()
            self._agent.caller_is_speaking = False
            if self._turn is not None:
                self._resume(self._turn)
        elif before is None:
            self._drop_turn()
        if detection is not None:
            self._detector.configure(detection.threshold, detection.silence_duration_ms)
            self._utterance.configure(detection.prefix_padding_ms)
        self._idle_prompts = 0
        self._agent.proceed(now_ms)

    def time_out(self, now_ms: float) -> None:
        """Nothing was said for `idle_timeout_ms`: the agent asks."""
        self._idle_prompts += 1
        item = Item(self._shared.new_id("item"), content=[Part("input_audio")])
        silence = Transcription(item.id, complete=True)
        item.content[0].transcription = silence
        self._shared.out.emit(
            "input_audio_buffer.timeout_triggered",
            item_id=item.id,
            audio_start_ms=round(self._silent_since_ms),
            audio_end_ms=round(self._position_ms),
        )
        self._silent_since_ms = self._position_ms
        self._add_item(item)
        self._transcripts.settle(silence)
        self._agent.respond(now_ms, note=_IDLE_NOTE)

    def _fits(self, duration_ms: float) -> bool:
        """Push-to-talk: whether the buffer takes more; only the first refusal is an error."""
        held_ms = 0.0 if self._turn is None else self._position_ms - self._turn.start_ms
        if held_ms + duration_ms <= UTTERANCE_MS_MAX:
            return True
        if self._is_full:
            return False
        self._is_full = True
        raise ClientError(
            f"The input audio buffer holds at most {UTTERANCE_MS_MAX // 60_000} minutes. "
            "Later audio is dropped until it is committed or cleared.",
            code="input_audio_buffer_full",
        )

    def _record(self, samples: Samples16k) -> None:
        """Push-to-talk audio: all of it belongs to the turn."""
        if self._turn is None:
            self._begin_turn(self._position_ms)
            self._utterance.begin_empty()
        self._position_ms += len(samples) / SAMPLES_PER_MS
        self._utterance.add(samples)
        self._utterance.is_voiced = True  # for all that is known
        if self._utterance.piece_ms >= PIECE_MS_MAX:
            self._cut()

    def _window(self, window: Samples16k, probability: float, now_ms: float) -> None:
        self._position_ms += WINDOW_MS
        self._utterance.add(window)
        change = self._detector.push(probability)
        if change is Change.STARTED:
            self._start(now_ms)
        turn = self._turn
        if turn is None:
            return
        if self._detector.silence_ms == 0:
            self._utterance.is_voiced = True
        if change is Change.PAUSED:
            self._guess(turn)
        elif change is Change.RESUMED:
            self._resume(turn)
        elif change is Change.STOPPED:
            self._stop(turn, now_ms)
            return
        if self._utterance.piece_ms >= PIECE_MS_MAX:
            self._cut()
        if self._position_ms - turn.start_ms >= UTTERANCE_MS_MAX:
            self._detector.reset()
            self._stop(turn, now_ms)

    def _start(self, now_ms: float) -> None:
        detection = self._shared.config.turn_detection
        assert detection is not None
        onset_windows = self._detector.onset_windows
        onset_ms = self._position_ms - onset_windows * WINDOW_MS
        start_ms = max(0.0, onset_ms - detection.prefix_padding_ms)
        turn = self._begin_turn(start_ms)
        self._utterance.begin(onset_windows)
        self._agent.caller_is_speaking = True
        self._agent.idle_since_ms = None
        self._shared.out.emit(
            "input_audio_buffer.speech_started",
            item_id=turn.transcription.item_id,
            audio_start_ms=round(start_ms),
        )
        if detection.interrupt_response:
            self._agent.interrupt(now_ms)

    def _stop(self, turn: _Turn, now_ms: float) -> None:
        detection = self._shared.config.turn_detection
        self._shared.out.emit(
            "input_audio_buffer.speech_stopped",
            item_id=turn.transcription.item_id,
            audio_end_ms=round(self._position_ms),
        )
        self._commit(
            turn,
            Latency(silence_ms=self._detector.silence_ms, stopped_at_ms=now_ms),
            wants_answer=detection is not None and detection.create_response,
        )
        self._agent.proceed(now_ms)

    def _guess(self, turn: _Turn) -> None:
        if self._utterance.piece_ms >= PIECE_SETTLED_MS:
            self._transcripts.add_piece(turn.transcription, self._utterance.take_piece())
        elif self._utterance.is_voiced:
            turn.guess = self._transcripts.add_piece(
                turn.transcription, self._utterance.whole_piece()
            )

    def _resume(self, turn: _Turn) -> None:
        if turn.guess is not None:
            self._transcripts.drop_piece(turn.transcription, turn.guess)
            turn.guess = None

    def _cut(self) -> None:
        """The piece is as long as it may be."""
        turn = self._turn
        assert turn is not None
        if turn.guess is not None or not self._utterance.is_voiced:
            # Silence since the guess, which thereby is right; or nothing but silence.
            turn.guess = None
            self._utterance.take_piece()
        else:
            self._transcripts.add_piece(turn.transcription, self._utterance.cut_piece())

    def _begin_turn(self, start_ms: float) -> _Turn:
        self._is_full = False
        self._idle_prompts = 0
        self._turn = _Turn(start_ms, Transcription(self._shared.new_id("item")))
        return self._turn

    def _commit(self, turn: _Turn, latency: Latency, *, wants_answer: bool) -> None:
        transcription = turn.transcription
        if turn.guess is None and self._utterance.is_voiced:
            self._transcripts.add_piece(transcription, self._utterance.whole_piece())
        self._end_turn()
        transcription.duration_ms = self._position_ms - turn.start_ms
        transcription.complete = True
        part = Part("input_audio", audio_ms=transcription.duration_ms, transcription=transcription)
        self._add_item(Item(transcription.item_id, content=[part]))
        self._agent.turn_ended(transcription, latency, wants_answer=wants_answer)
        self._transcripts.settle(transcription)

    def _add_item(self, item: Item) -> None:
        """A committed turn: the item comes last in the conversation."""
        self._shared.out.emit(
            "input_audio_buffer.committed",
            item_id=item.id,
            previous_item_id=self._shared.items.append(item),
        )
        self._shared.announce(item)

    def _drop_turn(self) -> None:
        if self._turn is not None:
            self._transcripts.cancel(self._turn.transcription)
        self._detector.reset()
        self._end_turn()

    def _end_turn(self) -> None:
        self._turn = None
        self._is_full = False
        self._utterance.end()
        self._agent.caller_is_speaking = False
        self._silent_since_ms = self._position_ms


def _check_audio(raw: bytes, audio_format: AudioFormat) -> None:
    if len(raw) > APPEND_BYTES_MAX:
        raise ClientError(
            f"An append may hold at most {APPEND_BYTES_MAX >> 20} MiB of audio.", param="audio"
        )
    if len(raw) % audio_format.bytes_per_sample:
        raise ClientError("PCM audio must hold whole 16-bit samples.", param="audio")
