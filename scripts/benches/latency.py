"""From the end of the caller's speech to the first audio of the reply, with the offline engine."""

import argparse
from dataclasses import dataclass

import aiohttp
from benches.report import Report
from benches.stage import AGENT, stage
from demo_checks import end_ms

from voicehub.audio.formats import Pcm
from voicehub.client.api import Api
from voicehub.client.conversation import Conversation
from voicehub.errors import VoiceHubError
from voicehub.talk import speech

QUESTIONS = (
    "Hello, who are you?",
    "What is twelve times seven?",
    "My name is Julia, and I live in a small town by the sea.",
    "What can you do for me?",
    "What is nine plus thirty two?",
    "Could you tell me what my name is?",
    "I would like to know what you think about long walks in the rain.",
    "What is one hundred divided by four?",
    "Tell me something about yourself, please.",
    "Thank you very much, that was all for today.",
)
TURNS, QUICK_TURNS = 20, 2
PARTS = ("vad_silence", "speech_to_text", "reply", "first_synthesis", "total")
PERCENTILES = (50, 95)


@dataclass(frozen=True, slots=True)
class Turn:
    """One answered question, in ms."""

    words: str
    heard_after_ms: float
    """From the true end of the speech in the WAV to the first audio of the reply at the client."""
    parts: dict[str, float]
    """What the engine says of the same, as it saw it."""

    @property
    def elsewhere_ms(self) -> float:
        """Outside of the engine: the client's frame, the server's path, the end as VAD saw it."""
        return self.heard_after_ms - self.parts["total"]

    def row(self) -> list[str]:
        parts = [self.parts[name] for name in PARTS[:-1]]
        return _cells(self.words, [self.heard_after_ms, *parts, self.elsewhere_ms])


def add_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--turns", type=int, help=f"in a row; {TURNS} by default")


async def run(options: argparse.Namespace) -> Report:
    count = options.turns or (QUICK_TURNS if options.quick else TURNS)
    clips = {words: speech(words) for words in QUESTIONS[:count]}
    async with stage() as scene, scene.voicehub() as server, aiohttp.ClientSession() as http:
        session = await Api(http, server.url, scene.token).open_session(AGENT)
        secret = session["client_secret"]["value"]
        async with Conversation(http, session["url"], secret) as talk:
            await talk.wait_for("session.created")
            words = [QUESTIONS[number % len(QUESTIONS)] for number in range(count)]
            turns = [await _turn(talk, each, clips[each]) for each in words]
    return _report(turns)


async def _turn(talk: Conversation, words: str, clip: Pcm) -> Turn:
    """Ask, and hear the reply to its end."""
    before = talk.mark()
    said = await talk.say(clip)
    reply = await talk.reply(since=before)
    if reply.first_audio_at_ms is None or not reply.latency_ms:
        raise VoiceHubError("A reply came without audio, or without its latency.")
    ended_at_ms = said.start_ms + end_ms(clip)
    return Turn(words, reply.first_audio_at_ms - ended_at_ms, reply.latency_ms)


def _report(turns: list[Turn]) -> Report:
    totals: dict[int, list[float]] = {
        percent: [
            _percentile([turn.heard_after_ms for turn in turns], percent),
            *(_percentile([turn.parts[name] for turn in turns], percent) for name in PARTS[:-1]),
            _percentile([turn.elsewhere_ms for turn in turns], percent),
        ]
        for percent in PERCENTILES
    }
    rows = [turn.row() for turn in turns]
    rows += [_cells(f"p{percent}", values) for percent, values in totals.items()]
    half = totals[50]
    shares = ", ".join(
        f"{name.replace('_', ' ')} {value / half[0]:.0%}"
        for name, value in zip((*PARTS[:-1], "elsewhere"), half[1:], strict=True)
    )
    return Report(
        "From the end of speech to the first audio of the reply, ms",
        ("reply to", "heard after", *(name.replace("_", " ") for name in PARTS[:-1]), "elsewhere"),
        rows=rows,
        notes=[
            (
                "heard after: true end of the speech in the WAV to the first audio at the client; "
                "the parts: the server's own account; elsewhere: the client's frame, the way, and "
                "what VAD takes for the end."
            ),
        ],
        ratios=f"p50 {half[0]:.0f} ms, p95 {totals[95][0]:.0f} ms; of p50: {shares}",
    )


def _percentile(values: list[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def _cells(name: str, values: list[float]) -> list[str]:
    return [name, *(f"{value:.0f}" for value in values)]
