"""`voicehub talk`: a conversation from the terminal, by recordings, typed words or microphone."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import orjson
import typer

from voicehub.audio.formats import Pcm
from voicehub.client.api import Api, Json
from voicehub.client.clip import joined, load
from voicehub.client.conversation import Conversation, Observer, ReplyLostError
from voicehub.client.microphone import Microphone
from voicehub.client.screen import JsonLines, Screen, Terminal
from voicehub.client.tape import Tape
from voicehub.errors import ClientError, VoiceHubError

# A pause between the end of a reply and what is said next, as people make it.
PAUSE_S = 0.4
# Between sentences of one utterance: a longer pause would end the turn.
SENTENCE_PAUSE_MS = 250

Url = Annotated[str, typer.Option(help="Address of the server.")]
Agent = Annotated[str, typer.Option(help="Name or id of the agent.")]
Email = Annotated[str, typer.Option(envvar="VOICEHUB_EMAIL", help="Who signs in.")]
Password = Annotated[
    str | None, typer.Option(envvar="VOICEHUB_PASSWORD", help="Asked for when not given.")
]
Token = Annotated[
    str | None, typer.Option(envvar="VOICEHUB_TOKEN", help="Access token, instead of signing in.")
]
Wavs = Annotated[list[Path] | None, typer.Option("--wav", help="Audio file to say; repeatable.")]
Says = Annotated[
    list[str] | None, typer.Option("--say", help="Words to say, after the files; repeatable.")
]
Spoken = Annotated[bool, typer.Option("--microphone", help="Speak yourself, until Ctrl-C.")]
BargeIn = Annotated[str | None, typer.Option(help="Words or file to say into the last reply.")]
BargeInAfterMs = Annotated[float, typer.Option(help="How much of that reply is heard first.")]
Given = Annotated[str, typer.Option("--context", help="JSON object for the agent, this once.")]
Out = Annotated[Path | None, typer.Option(help="WAV to write: left said, right heard.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print events as JSON lines.")]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is going to be said; `microphone` excludes the others."""

    clips: list[Pcm]
    barge_in: Pcm | None
    barge_in_after_ms: float
    microphone: Microphone | None


def talk(
    *,
    url: Url = "http://127.0.0.1:8080",
    agent: Agent = "Ava",
    email: Email = "demo@voicehub.local",
    password: Password = None,
    token: Token = None,
    wav: Wavs = None,
    say: Says = None,
    microphone: Spoken = False,
    barge_in: BargeIn = None,
    barge_in_after_ms: BargeInAfterMs = 1_000,
    given: Given = "{}",
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Talk to an agent and watch the transcript grow."""
    if bool(wav or say) == microphone:
        raise typer.BadParameter("Say something: --wav FILE and --say WORDS, or --microphone.")
    if token is None and password is None:
        password = typer.prompt(f"Password of {email}", hide_input=True, err=True)
    screen: Screen = JsonLines() if as_json else Terminal(agent)
    with _failures(), ExitStack() as opened:
        opened.callback(screen.close)
        session_context = _object(given)
        plan = _Plan(
            [*map(load, wav or []), *map(speech, say or [])],
            None if barge_in is None else _clip(barge_in),
            barge_in_after_ms,
            opened.enter_context(Microphone()) if microphone else None,
        )
        tape = None if out is None else Tape(out)
        if tape is not None:
            opened.callback(tape.close)
        user = (email, password or "")
        asyncio.run(_talk(url, token or user, agent, session_context, plan, tape, screen))


def speech(words: str) -> Pcm:
    """`words` in the offline engine's voice. Raises EngineError where that is not installed."""
    from voicehub.engines.local.tts import Voice  # noqa: PLC0415  # slow, and only --say needs it

    return joined(Voice().speak(words), SENTENCE_PAUSE_MS)


async def _talk(
    url: str,
    sign_in: str | tuple[str, str],
    agent: str,
    session_context: Json,
    plan: _Plan,
    tape: Tape | None,
    screen: Screen,
) -> None:
    async with aiohttp.ClientSession() as http:
        api = Api(http, url, sign_in if isinstance(sign_in, str) else None)
        if not isinstance(sign_in, str):
            await api.login(*sign_in)
        session = await api.open_session(agent, session_context)
        observer = Observer(event=screen.event, line=screen.line, notice=screen.notice)
        if plan.microphone is not None:
            observer.heard = plan.microphone.play
        async with Conversation(
            http,
            session["url"],
            session["client_secret"]["value"],
            renew=api.resume,
            source=plan.microphone,
            tape=tape,
            observer=observer,
        ) as conversation:
            await conversation.wait_for("session.created")
            screen.say(f"session {session['id']} with {agent} at {api.url}")
            if plan.microphone is not None:
                await _until_interrupted(conversation)
            else:
                await _say_all(conversation, plan, screen)
        await api.ended_session(session["id"])
        # There may be no recording, or none so soon; then none is shown.
        with suppress(VoiceHubError, TimeoutError):
            await api.finished_recording(session["id"])
        screen.summary(_summary(await api.session(session["id"]), tape))


async def _say_all(conversation: Conversation, plan: _Plan, screen: Screen) -> None:
    """Each clip once the reply to the one before is heard; the last reply may be interrupted."""
    for number, clip in enumerate(plan.clips, 1):
        if number < len(plan.clips) or plan.barge_in is None:
            await _ask(conversation, clip, screen)
            await asyncio.sleep(PAUSE_S)
            continue
        before = conversation.mark()
        await conversation.say(clip)
        barge_in = await conversation.interrupt(
            plan.barge_in, since=before, heard_ms=plan.barge_in_after_ms
        )
        await conversation.reply(since=barge_in.since)


async def _ask(conversation: Conversation, clip: Pcm, screen: Screen) -> None:
    """Say it again, once, where another server took over and knows nothing of the reply."""
    try:
        await conversation.ask(clip)
    except ReplyLostError:
        screen.say("the reply was lost; saying it again")
        await conversation.ask(clip)


async def _until_interrupted(conversation: Conversation) -> None:
    """Until Ctrl-C, so that the session is closed in order, or until the server closes."""
    interrupted = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, interrupted.set)
    try:
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(interrupted.wait())
            closing = group.create_task(conversation.ended())
            await asyncio.wait([waiting, closing], return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            closing.cancel()
    finally:
        loop.remove_signal_handler(signal.SIGINT)


@contextmanager
def _failures() -> Iterator[None]:
    """A foreseen failure is one sentence and exit code 1, not a traceback."""
    try:
        yield
    except (VoiceHubError, TimeoutError) as error:
        typer.echo(f"voicehub talk: {error}", err=True)
        raise typer.Exit(1) from error


def _clip(words_or_file: str) -> Pcm:
    path = Path(words_or_file)
    return load(path) if path.suffix and path.is_file() else speech(words_or_file)


def _object(text: str) -> Json:
    try:
        given = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ClientError(f"--context is no JSON: {error}") from error
    if not isinstance(given, dict):
        raise ClientError("--context must be a JSON object.")
    return given


def _summary(row: Json, tape: Tape | None) -> dict[str, Any]:
    """The row's own facts; its values are JSON, hence Any."""
    return {
        "session": row["id"],
        "status": row["status"],
        "minutes": row["duration_minutes"],
        "audio tokens": row["usage"]["audio_tokens"],
        "text tokens": row["usage"]["text_tokens"],
        "recording": row["data"].get("audio_url"),
        "heard": tape and str(tape.path),
    }
