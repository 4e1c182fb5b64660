"""A spoken conversation through all of VoiceHub: start it, talk, show what it left, check that."""

import argparse
import asyncio
import contextlib
import hashlib
import json
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
from demo_report import Evidence, Turn, check, show, show_checks
from rich.console import Console
from rich.text import Text

from voicehub.audio.formats import Pcm
from voicehub.client import clip
from voicehub.client.api import Api, Json
from voicehub.client.conversation import Conversation, Observer
from voicehub.client.screen import Terminal
from voicehub.client.tape import Tape
from voicehub.client.turns import Reply
from voicehub.devserver import console_link
from voicehub.errors import VoiceHubError
from voicehub.talk import speech

ROOT = Path(__file__).resolve().parents[1]
AGENT = "Ava"
QUESTIONS = (
    "Hello Ava, my name is Julia. Who are you?",
    "What is twelve times seven?",
    "Could you tell me a story please?",
)
BARGE_IN = "Sorry, what is my name?"
BARGE_IN_AFTER_MS = 1_500
PAUSE_S = 0.4
READY_S_MAX = 90.0
STOP_S_MAX = 30.0
LOG_LINES_SHOWN = 30
DEV_PORT = 8080  # where `voicehub dev` listens unless it is told otherwise

console = Console(highlight=False)


@contextlib.contextmanager
def step(name: str) -> Iterator[None]:
    """Print the step with the time that it took."""
    began = time.monotonic()
    yield
    console.print(f"[green]✓[/] {name} [dim]{time.monotonic() - began:.1f} s[/]")


async def main() -> int:
    folder = _folder()
    with step("the caller's voice is ready"):
        clips = {words: _clip(folder, words) for words in (*QUESTIONS, BARGE_IN)}
    async with contextlib.AsyncExitStack() as opened:
        with step("Postgres, Redis, S3 and VoiceHub run"):
            url = await opened.enter_async_context(_server(folder))
        http = await opened.enter_async_context(aiohttp.ClientSession())
        evidence = await _gather(http, Api(http, url), folder, clips)
    show(console, evidence)
    made = check(evidence)
    show_checks(console, made)
    again = f".venv/bin/voicehub dev --folder {folder}"
    console.print(
        f"\nThe servers are stopped; they start with all this by: {again}", soft_wrap=True
    )
    link = console_link(f"http://127.0.0.1:{DEV_PORT}", *_sign_in(folder))
    console.print(f"Then see it, and talk, in the browser: {link}", soft_wrap=True, markup=False)
    failed = [each.name for each in made if not each.holds]
    console.print(f"\n[red]Failed: {', '.join(failed)}[/]" if failed else "\nAll is as promised.")
    return 1 if failed else 0


async def _gather(
    http: aiohttp.ClientSession, api: Api, folder: Path, clips: dict[str, Pcm]
) -> Evidence:
    """Hold the conversation, then ask the server what it has of it."""
    await api.login(*_sign_in(folder))
    before = (await api.me())["subscription"]
    session = await api.open_session(AGENT, {"caller": "the demo"})
    console.print(f"\n[bold]A conversation with {AGENT}[/], in real time:\n")
    evidence = await _talk(http, session, folder / "heard.wav", clips)
    evidence.before = before
    console.print()
    with step("the session is closed and settled"):
        await api.ended_session(session["id"])
        evidence.recording = await api.finished_recording(session["id"])
        evidence.session = await api.session(session["id"])
        evidence.after = (await api.me())["subscription"]
    with step("the recording is downloaded"):
        evidence.audio = folder / f"session-{session['id']}.{evidence.recording['format']}"
        await api.download(evidence.recording["url"], evidence.audio)
    return evidence


def _sign_in(folder: Path) -> tuple[str, str]:
    """The demo user's address and password."""
    email, password = json.loads((folder / "sign-in.json").read_text())["user"]
    return email, password


def _folder() -> Path:
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument(
        "--folder",
        type=Path,
        default=ROOT / ".voicehub/demo",
        help="where the servers keep what they store, and the demo its recordings",
    )
    folder: Path = parser.parse_args().folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _clip(folder: Path, words: str) -> Pcm:
    """`words` as speech, made once."""
    path = folder / f"speech-{hashlib.sha256(words.encode()).hexdigest()[:12]}.wav"
    if not path.exists():
        clip.save(path, speech(words))
    return clip.load(path)


@contextlib.asynccontextmanager
async def _server(folder: Path) -> AsyncIterator[str]:
    """`voicehub dev` as a child, from its readiness to its orderly end."""
    port, log = _free_port(), folder / "server.log"
    log.touch(mode=0o600)  # it says how to sign in
    with log.open("wb") as sink:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "voicehub", "dev"),
            *("--folder", str(folder), "--port", str(port)),
            stdout=sink,
            stderr=sink,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        await _ready(url, child, log)
        yield url
    finally:
        if child.returncode is None:
            child.send_signal(signal.SIGTERM)
        try:
            code = await asyncio.wait_for(child.wait(), STOP_S_MAX)
        except TimeoutError:
            child.kill()
            code = await child.wait()
    if code != 0:
        raise VoiceHubError(f"voicehub dev ended with {code}:\n{_last_lines(log)}")


async def _ready(url: str, child: asyncio.subprocess.Process, log: Path) -> None:
    async with aiohttp.ClientSession() as http, asyncio.timeout(READY_S_MAX):
        while child.returncode is None:
            with contextlib.suppress(aiohttp.ClientError):
                async with http.get(f"{url}/readyz") as response:
                    if response.ok:
                        return
            await asyncio.sleep(0.1)
    raise VoiceHubError(f"voicehub dev did not start:\n{_last_lines(log)}")


async def _talk(
    http: aiohttp.ClientSession, session: Json, heard: Path, clips: dict[str, Pcm]
) -> Evidence:
    """Every question when the reply to the one before is heard; the last reply is interrupted."""
    screen = Terminal(AGENT, console)
    observer = Observer(event=screen.event, line=screen.line, notice=screen.notice)
    secret = session["client_secret"]["value"]
    tape = Tape(heard)
    async with Conversation(http, session["url"], secret, tape=tape, observer=observer) as talk:
        began = datetime.now(UTC) - timedelta(milliseconds=talk.now_ms)
        await talk.wait_for("session.created")
        turns = []
        *first, last = QUESTIONS
        for words in first:
            turns.append(Turn(words, clips[words], *await talk.ask(clips[words])))
            await asyncio.sleep(PAUSE_S)
        before = talk.mark()
        said = await talk.say(clips[last])
        barge_in = await talk.interrupt(clips[BARGE_IN], since=before, heard_ms=BARGE_IN_AFTER_MS)
        turns.append(Turn(last, clips[last], said, await _interrupted(talk, before)))
        reply = await talk.reply(since=barge_in.since)
        turns.append(Turn(BARGE_IN, clips[BARGE_IN], barge_in.utterance, reply))
        # A moment of quiet, so that the recording shows where the last reply ends.
        await asyncio.sleep(PAUSE_S)
        done = [event.body["response"] for event in talk.events if event.type == "response.done"]
    screen.close()
    usages = [response["usage"] for response in done if response.get("usage")]
    return Evidence(began, turns, barge_in, usages, heard)


async def _interrupted(talk: Conversation, since: int) -> Reply:
    """The reply that was cut off; the engine, faster than real time, may have completed it."""
    done = await talk.wait_for("response.done", since=since)
    first = await talk.wait_for("response.output_audio.delta", since=since)
    return Reply(done.body["response"], first.at_ms)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _last_lines(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:])


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main()))
    except (VoiceHubError, TimeoutError) as error:
        console.print("[red]✗[/]", Text(str(error)))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)  # the servers are stopped on the way here
