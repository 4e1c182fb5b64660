"""A tiny server of the protocol: it hears loud and quiet, and answers with a tone.

It speaks voicehub.v1 where a test lets it.
"""

from collections.abc import AsyncIterator
from itertools import count

import numpy as np
import orjson
import pybase64
import pytest
from aiohttp import WSMessage, WSMsgType, web
from aiohttp.test_utils import TestServer

from voicehub.realtime.binary import AudioHeader

SECRET = "ek_for_the_tiny_server"
TOKEN = "access_token_of_the_tiny_server"
REPLY_MS = 400


class TinyServer:
    """Every event it got is in `received`, decoded audio in `audio`."""

    def __init__(self) -> None:
        self.received: list[dict] = []
        self.audio: list[np.ndarray] = []
        self.reply_ms = REPLY_MS
        self.closes_at_first_audio: int | None = None
        self.interrupt_response = True
        self.recordings_not_ready = 0
        self.token_has_expired = False
        self.refreshed: list[str] = []
        self.extended = False
        self.content_index = 0
        self.binary_messages = 0
        self.server: TestServer
        self._turn = 0
        self._event_ids = count(1)

    @property
    def url(self) -> str:
        return str(self.server.make_url("/")).rstrip("/")

    @property
    def socket_url(self) -> str:
        return str(self.server.make_url("/v1/realtime")).replace("http", "ws", 1)

    def of_type(self, kind: str) -> list[dict]:
        return [event for event in self.received if event["type"] == kind]

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/v1/auth/login", self._login)
        app.router.add_post("/v1/auth/refresh", self._refresh)
        app.router.add_post("/v1/sessions", self._create)
        app.router.add_get("/v1/sessions/7", self._row)
        app.router.add_get("/v1/sessions/7/recording", self._recording)
        app.router.add_get("/v1/realtime", self._socket)
        return app

    async def _login(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body["password"] != "right":
            problem = {"title": "Unauthorized", "detail": "No such user.", "code": "login_failed"}
            return web.json_response(problem, status=401)
        token = "expired" if self.token_has_expired else TOKEN
        return web.json_response(
            {"access_token": token, "refresh_token": "rt_1", "user": {"email": body["email"]}}
        )

    async def _refresh(self, request: web.Request) -> web.Response:
        given = (await request.json())["refresh_token"]
        self.refreshed.append(given)
        if given != "rt_1":
            return web.json_response({"code": "invalid_refresh_token"}, status=401)
        return web.json_response({"access_token": TOKEN, "refresh_token": "rt_2"})

    async def _create(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            code = "token_expired" if self.token_has_expired else "missing_api_key"
            return web.json_response({"detail": "Sign in first.", "code": code}, status=401)
        secret = {"value": SECRET, "expires_at": 0}
        row = {"id": 7, "client_secret": secret, "url": self.socket_url}
        return web.json_response(row, status=201)

    async def _row(self, _request: web.Request) -> web.Response:
        usage = {"audio_tokens": 3, "text_tokens": 0}
        row = {"id": 7, "status": "completed", "duration_minutes": "0.1", "usage": usage}
        return web.json_response({**row, "data": {"transcript": [], "audio_url": "s3:/x"}})

    async def _recording(self, _request: web.Request) -> web.Response:
        if self.recordings_not_ready:
            self.recordings_not_ready -= 1
            return web.json_response({"code": "recording_not_ready"}, status=409)
        return web.json_response({"state": "completed", "url": "http://127.0.0.1:9/recording"})

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        if request.headers.get("Authorization") != f"Bearer {SECRET}":
            raise web.HTTPUnauthorized
        offered = ("voicehub.v1",) if self.extended else ("realtime",)
        socket = web.WebSocketResponse(protocols=offered, compress=False, max_msg_size=1 << 20)
        await socket.prepare(request)
        turn = {"prefix_padding_ms": 300, "interrupt_response": self.interrupt_response}
        session = {"type": "realtime", "audio": {"input": {"turn_detection": turn}}}
        await self._send(socket, "session.created", session=session)
        speaking = False
        async for message in socket:
            event = self._event(message)
            self.received.append(event)
            if event["type"] == "conversation.item.truncate":
                fields = {key: event[key] for key in ("item_id", "content_index", "audio_end_ms")}
                await self._send(socket, "conversation.item.truncated", **fields)
            if event["type"] == "input_audio_buffer.append":
                chunk = np.frombuffer(pybase64.b64decode(event["audio"]), "<i2")
                self.audio.append(chunk)
                if self.closes_at_first_audio is not None:
                    await socket.close(code=self.closes_at_first_audio)
                loud = bool(np.abs(chunk).max() > 100)
                if loud and not speaking:
                    self._turn += 1
                    await self._send(
                        socket,
                        "input_audio_buffer.speech_started",
                        item_id=f"item_u{self._turn}",
                        audio_start_ms=100 * len(self.audio) - 400,
                    )
                if speaking and not loud:
                    await self._answer(socket)
                speaking = loud
        return socket

    def _event(self, message: WSMessage) -> dict:
        if message.type is not WSMsgType.BINARY:
            return orjson.loads(message.data)
        self.binary_messages += 1
        audio = pybase64.b64encode(message.data).decode()
        return {"type": "input_audio_buffer.append", "audio": audio}

    async def _answer(self, socket: web.WebSocketResponse) -> None:
        user, agent, response = (f"{kind}{self._turn}" for kind in ("item_u", "item_a", "resp_"))
        await self._send(
            socket,
            "conversation.item.input_audio_transcription.completed",
            item_id=user,
            content_index=0,
            transcript="hello there",
        )
        await self._send(socket, "response.created", response={"id": response})
        where = {"response_id": response, "item_id": agent, "content_index": self.content_index}
        kind = "response.output_audio_transcript"
        await self._send(socket, f"{kind}.delta", **where, delta="Good ")
        await self._send(socket, f"{kind}.delta", **where, delta="day.")
        await self._announce(socket, response, agent)
        tone = np.full(24 * self.reply_ms, 1000, "<i2")
        for start in range(0, len(tone), 4800):
            chunk = tone[start : start + 4800].tobytes()
            if self.extended:
                header = AudioHeader(0, self._turn, start // 24, first=not start)
                await socket.send_bytes(header.pack() + chunk)
            else:
                delta = pybase64.b64encode(chunk).decode()
                await self._send(socket, "response.output_audio.delta", **where, delta=delta)
        await self._send(socket, f"{kind}.done", **where, transcript="Good day.")
        done = {"id": response, "status": "completed", "usage": {"total_tokens": 3}}
        done["voicehub"] = {"latency_ms": {"vad": 1.0}}
        await self._send(socket, "response.done", response=done)
        if self.extended:
            plan = {"kind": "audio_tokens", "percent": 80, "left": 20, "max": 100}
            await self._send(socket, "voicehub.quota.warning", **plan)

    async def _announce(self, socket: web.WebSocketResponse, response: str, item: str) -> None:
        ours = {"voicehub": {"item_number": self._turn}} if self.extended else {}
        added = {"response_id": response, "output_index": 0, "item": {"id": item}, **ours}
        await self._send(socket, "response.output_item.added", **added)
        part = {"item_id": item, "content_index": self.content_index, "part": {"type": "audio"}}
        await self._send(socket, "response.content_part.added", **part)

    async def _send(self, socket: web.WebSocketResponse, kind: str, /, **fields: object) -> None:
        event = {"type": kind, "event_id": f"event_{next(self._event_ids)}", **fields}
        await socket.send_str(orjson.dumps(event).decode())


@pytest.fixture
async def tiny_server() -> AsyncIterator[TinyServer]:
    tiny = TinyServer()
    async with TestServer(tiny.app(), host="127.0.0.1") as tiny.server:
        yield tiny
