"""VoiceHub's REST API for a client: sign in, open a session, read what it left."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from voicehub.errors import VoiceHubError

REQUEST_S_MAX = 15.0
DOWNLOAD_S_MAX = 120.0
DOWNLOAD_CHUNK_BYTES = 1 << 16
# How often a session that ends is asked after.
POLL_S = 0.2

Json = dict[str, Any]  # What the server answers: rows whose JSONB parts are open-ended.


class Api:
    """The HTTP client is the caller's; the tokens stay here and in no repr.

    After `login` it stays signed in: an access token that has expired is refreshed.
    """

    def __init__(self, http: aiohttp.ClientSession, url: str, token: str | None = None) -> None:
        self.url = url.rstrip("/")
        self._http = http
        self._token = token
        self._refresh_token: str | None = None

    async def login(self, email: str, password: str, team: str | None = None) -> Json:
        """Sign in; later requests carry the token. Returns the user."""
        body = {"email": email, "password": password} | ({"team": team} if team else {})
        answer = await self._ask("POST", "/v1/auth/login", body)
        self._keep_tokens(answer)
        user: Json = answer["user"]
        return user

    async def open_session(self, agent: str, context: Json | None = None) -> Json:
        """A session in state `created`, with `client_secret` and `url` for its socket."""
        return await self._ask("POST", "/v1/sessions", {"agent": agent, "context": context or {}})

    async def session(self, session_id: int) -> Json:
        return await self._ask("GET", f"/v1/sessions/{session_id}")

    async def pause(self, session_id: int) -> Json:
        """The session once it is paused. Raises VoiceHubError; `session_busy` may come true yet."""
        return await self._ask("POST", f"/v1/sessions/{session_id}/pause")

    async def resume(self, session_id: int) -> Json:
        """A fresh `client_secret` and the `url` where a paused or dropped session goes on."""
        return await self._ask("POST", f"/v1/sessions/{session_id}/resume")

    async def end(self, session_id: int) -> Json:
        """The session once it is over."""
        return await self._ask("POST", f"/v1/sessions/{session_id}/end")

    async def me(self) -> Json:
        return await self._ask("GET", "/v1/me")

    async def recording(self, session_id: int) -> Json:
        """State and, for a while, a signed `url`."""
        return await self._ask("GET", f"/v1/sessions/{session_id}/recording")

    async def ended_session(self, session_id: int, timeout_s: float = 30.0) -> Json:
        """The session once it is over: asked for again and again, then TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while True:
                row = await self.session(session_id)
                if row["status"] in {"completed", "failed"}:
                    return row
                await asyncio.sleep(POLL_S)

    async def finished_recording(self, session_id: int, timeout_s: float = 60.0) -> Json:
        """The recording once it is closed: asked for again and again, then TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while True:
                try:
                    return await self.recording(session_id)
                except VoiceHubError as error:
                    if error.code != "recording_not_ready":
                        raise
                await asyncio.sleep(POLL_S)

    async def download(self, url: str, path: Path) -> int:
        """Fetch a signed address into `path`; returns its size in bytes."""
        size_bytes = 0
        timeout = aiohttp.ClientTimeout(total=DOWNLOAD_S_MAX)
        async with self._http.get(url, timeout=timeout) as response:
            if not response.ok:
                raise VoiceHubError(f"The recording cannot be fetched: HTTP {response.status}.")
            with path.open("wb") as file:
                async for chunk in response.content.iter_chunked(DOWNLOAD_CHUNK_BYTES):
                    size_bytes += file.write(chunk)
        return size_bytes

    def _keep_tokens(self, answer: Json) -> None:
        self._token = answer["access_token"]
        self._refresh_token = answer.get("refresh_token")

    async def _ask(self, method: str, path: str, body: Json | None = None) -> Json:
        try:
            return await self._ask_once(method, path, body)
        except VoiceHubError as error:
            if error.code != "token_expired" or self._refresh_token is None:
                raise
        # Two that come here at once are given the same tokens.
        refresh = {"refresh_token": self._refresh_token}
        self._keep_tokens(await self._ask_once("POST", "/v1/auth/refresh", refresh))
        return await self._ask_once(method, path, body)

    async def _ask_once(self, method: str, path: str, body: Json | None = None) -> Json:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        try:
            async with self._http.request(
                method,
                self.url + path,
                json=body,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=REQUEST_S_MAX),
            ) as response:
                answer = _json(await response.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
            raise VoiceHubError(f"No VoiceHub server answers at {self.url}: {reason}") from error
        if not response.ok:
            raise _refusal(method, path, response.status, answer)
        return answer


def _json(raw: bytes) -> Json:
    try:
        answer = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _refusal(method: str, path: str, status: int, answer: Json) -> VoiceHubError:
    """Both shapes of an error: problem JSON, and OpenAI's under /v1/realtime."""
    openai = answer.get("error")
    said = openai if isinstance(openai, dict) else answer
    detail = said.get("detail") or said.get("message") or said.get("title") or "no reason given"
    error = VoiceHubError(f"{method} {path} was refused with {status}: {detail}")
    if isinstance(code := said.get("code"), str):
        error.code = code
    return error
