"""A client of VoiceHub: what `voicehub talk`, the demo, benchmarks and tests speak through.

Sign in, talk, and read what is left of it::

    async with aiohttp.ClientSession() as http:
        api = Api(http, "http://127.0.0.1:8080")
        await api.login("demo@voicehub.local", password)
        session = await api.open_session("Ava")
        observer = Observer(line=print, notice=print)
        secret = session["client_secret"]["value"]
        async with Conversation(http, session["url"], secret, observer=observer) as conversation:
            utterance, reply = await conversation.ask(load(Path("question.wav")))
        print((await api.ended_session(session["id"]))["data"]["transcript"])

Audio travels as the subprotocol `voicehub.v1` has it (PROTOCOL.md beside this file), or as base64
in JSON where a server does not know it. A connection that breaks comes back by itself, and
`Observer.notice` hears of it.
"""

from voicehub.client.api import Api, Json
from voicehub.client.clip import load, save
from voicehub.client.conversation import Conversation, Observer, ReplyLostError
from voicehub.client.link import SessionEndedError
from voicehub.client.notices import (
    GoingAway,
    Lost,
    Notice,
    Paused,
    Plan,
    QuotaWarning,
    Reconnected,
    Resumed,
    UsageUpdated,
)
from voicehub.client.source import Script, Source
from voicehub.client.speaker import Cut
from voicehub.client.tape import Tape
from voicehub.client.transcript import Line
from voicehub.client.turns import Event, Interruption, Reply, Utterance
from voicehub.client.wire import NotOpenedError

__all__ = [
    "Api",
    "Conversation",
    "Cut",
    "Event",
    "GoingAway",
    "Interruption",
    "Json",
    "Line",
    "Lost",
    "NotOpenedError",
    "Notice",
    "Observer",
    "Paused",
    "Plan",
    "QuotaWarning",
    "Reconnected",
    "Reply",
    "ReplyLostError",
    "Resumed",
    "Script",
    "SessionEndedError",
    "Source",
    "Tape",
    "UsageUpdated",
    "Utterance",
    "load",
    "save",
]
