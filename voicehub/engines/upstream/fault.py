"""What an upstream's error means for the client: a fault of our account is not the client's."""

from dataclasses import replace
from enum import Enum, auto
from typing import Any

from voicehub.realtime.frame import Body, Frame

NEUTRAL_MESSAGE = "The speech engine cannot answer at the moment."
# Codes and types that say something about the account that this server uses. A client would read
# them as its own: stock SDKs give up for good on `insufficient_quota` and `invalid_api_key`.
_ACCOUNT = frozenset(
    {
        *("invalid_api_key", "invalid_authentication", "authentication_error", "unauthorized"),
        *("permission_error", "permission_denied", "forbidden", "account_deactivated"),
        *("insufficient_quota", "credit_balance_exhausted", "billing_hard_limit_reached"),
        *("billing_not_active", "billing_error", "organization_deactivated", "model_not_found"),
    }
)
_BUSY = frozenset(
    {
        *("rate_limit_exceeded", "rate_limit_error", "requests", "tokens", "too_many_requests"),
        *("server_overloaded", "overloaded", "overloaded_error", "slow_down"),
    }
)
_EXPIRED = "session_expired"


class Fault(Enum):
    """Whose fault an `error` object tells of."""

    CLIENT = auto()  # or the model's: the client is told as it stands
    BUSY = auto()  # the account's rate or the upstream's load: it may pass
    ACCOUNT = auto()  # no retry helps
    EXPIRED = auto()  # the upstream's own maximum duration


def fault_of(error: Body) -> Fault:
    named = {name for name in (error.get("code"), error.get("type")) if isinstance(name, str)}
    if _EXPIRED in named:
        return Fault.EXPIRED
    if named & _ACCOUNT:
        return Fault.ACCOUNT
    return Fault.BUSY if named & _BUSY else Fault.CLIENT


def neutral(error: Body) -> dict[str, Any]:
    """`error` without what it says of the account: its code is `engine_failed`."""
    return {
        "type": "server_error",
        "code": "engine_failed",
        "message": NEUTRAL_MESSAGE,
        "param": None,
        "event_id": error.get("event_id"),
    }


def ended_error(frame: Frame) -> Body:
    """The error inside a `response.done`; empty where there is none."""
    details = frame.body["response"].get("status_details")
    error = details.get("error") if isinstance(details, dict) else None
    return error if isinstance(error, dict) else {}


def neutral_end(frame: Frame) -> Frame:
    """`frame`, a `response.done` that `ended_error` found an error in, with a neutral one."""
    response = frame.body["response"]
    error = {"type": "server_error", "code": "engine_failed"}
    details = {**response["status_details"], "error": error}
    return replace(
        frame, body={**frame.body, "response": {**response, "status_details": details}}, raw=None
    )


def short_name(value: object) -> str | None:
    """A code or a param as it may stand in a message or a log: an identifier, or nothing."""
    if not isinstance(value, str) or len(value) > 64:
        return None
    return (
        value
        if value.replace(".", "_").replace("[", "_").replace("]", "_").isidentifier()
        else None
    )
