"""How the OpenAPI document tells of the socket, which is no operation of the table."""

from voicehub.rest.answer import OPENAI_SHAPE_PATH
from voicehub.rest.middleware import REQUEST_ID_HEADER
from voicehub.rest.openapi_schemas import Json, reference

PATH = OPENAI_SHAPE_PATH
TAG = "realtime"

_DESCRIPTION = """\
A WebSocket in OpenAI's Realtime protocol (GA). One of these opens it:

- a client secret, as `POST /v1/sessions` answers it: it knows its session;
- an access token and `model`, which names an agent by id (`12`, `agent_12`) or name: a session is
  created;
- an access token and `session_id`: one's own paused or dropped session goes on.

Browsers, which send no headers of their own, give the token as a subprotocol:
`realtime, openai-insecure-api-key.TOKEN`. Who also offers `voicehub.v1` gets binary audio and more
events. What can be refused before the upgrade is refused with the status below; after it, by an
`error` event and a close code: 1000 done, 1001 idle or too long, 1008 not allowed or used up,
1009 too big, 1011 failed, 1012 the server goes away, 1013 too slow or too full.
"""
_ERRORS = (400, 401, 403, 404, 409, 429, 502, 503)


def operation(security: list[dict[str, list[str]]]) -> Json:
    no_upgrade = "The request does not ask for a WebSocket."
    return {
        "operationId": "realtime_open",
        "summary": "Open the socket of a session",
        "description": _DESCRIPTION,
        "tags": [TAG],
        "security": security,
        "parameters": [
            _query("model", "The agent, by id or name. A new session is created."),
            _query("session_id", "The session to go on with (`42` or `sess_42`)."),
            _query("last_event_id", "The last event that was read before the socket was lost."),
            reference("parameters", REQUEST_ID_HEADER),
        ],
        "responses": {
            "101": {
                "description": "The socket is open.",
                "headers": {REQUEST_ID_HEADER: reference("headers", REQUEST_ID_HEADER)},
            },
            **{str(each): reference("responses", f"RealtimeError{each}") for each in _ERRORS},
            "426": {
                "description": no_upgrade,
                "headers": {
                    "Upgrade": {
                        "required": True,
                        "schema": {"type": "string", "const": "websocket"},
                    }
                },
                "content": {"application/json": {"schema": reference("schemas", "RealtimeError")}},
            },
        },
    }


def _query(name: str, description: str) -> Json:
    return {
        "name": name,
        "in": "query",
        "description": description,
        "schema": {"type": "string"},
    }
