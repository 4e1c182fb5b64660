"""The error tree: an error carries its code, HTTP status, close code and whether to retry."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a body or a query string; a request may have several.

    Attributes:
        place: a JSON pointer into the body (`#/settings/voice`), or a query parameter's name.
        code: the machine-readable code, as of an error.
        detail: a sentence for people, which never quotes what was sent.
        in_query: whether `place` is a query parameter.
    """

    place: str
    code: str
    detail: str
    in_query: bool = False


class VoiceHubError(Exception):
    """Root of every error that VoiceHub raises on purpose.

    Attributes:
        code: the machine-readable code, in the OpenAI style (`insufficient_quota`).
        status: the HTTP status when it ends a request.
        close_code: the WebSocket close code when it ends a session; 0 leaves the session open.
        retryable: whether the same request may succeed later.
        param: the field at fault, or None.
        retry_after_s: what `Retry-After` says, or None.
        faults: everything that is wrong with what was sent, where more than `param` is known.
    """

    code: str = "server_error"
    status: HTTPStatus = HTTPStatus.INTERNAL_SERVER_ERROR
    close_code: int = 1011
    retryable: bool = False
    type: ClassVar[str] = "server_error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after_s: int | None = None,
        faults: Sequence[Fault] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s
        self.faults = tuple(faults)
        if code is not None:
            self.code = code

    def as_openai(self, event_id: str | None = None) -> dict[str, Any]:
        """The `error` object of the Realtime protocol and of OpenAI's REST answers."""
        return {
            "type": self.type,
            "code": self.code,
            "message": self.message,
            "param": self.param,
            "event_id": event_id,
        }


class ClientError(VoiceHubError):
    """The client asked for what cannot be. The session stays open unless a subclass says so."""

    code = "invalid_value"
    status = HTTPStatus.BAD_REQUEST
    close_code = 0
    type = "invalid_request_error"


class AuthenticationError(ClientError):
    code = "invalid_api_key"
    status = HTTPStatus.UNAUTHORIZED
    close_code = 1008
    type = "authentication_error"


class ForbiddenError(ClientError):
    code = "forbidden"
    status = HTTPStatus.FORBIDDEN
    close_code = 1008


class QuotaError(ForbiddenError):
    """The plan is used up. The client stays away: 403 and 1008, not 429, which stock SDKs retry."""

    code = "insufficient_quota"
    type = "insufficient_quota"


class NotFoundError(ClientError):
    code = "not_found"
    status = HTTPStatus.NOT_FOUND


class ConflictError(ClientError):
    code = "conflict"
    status = HTTPStatus.CONFLICT


class PreconditionFailedError(ClientError):
    """Somebody else changed the resource since it was read: `If-Match` names an older state."""

    code = "precondition_failed"
    status = HTTPStatus.PRECONDITION_FAILED


class UnprocessableError(ClientError):
    """What was sent is well formed and cannot be done."""

    code = "unprocessable"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class TooLargeError(ClientError):
    code = "message_too_big"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    close_code = 1009


class NotTextError(ClientError):
    """A text message that is not UTF-8: RFC 6455 has the connection fail."""

    code = "invalid_utf8"
    close_code = 1007


class RateLimitError(ClientError):
    code = "rate_limit_exceeded"
    status = HTTPStatus.TOO_MANY_REQUESTS
    close_code = 1008
    retryable = True


class OverloadError(VoiceHubError):
    """A client too slow, or a server too full, to go on."""

    code = "server_overloaded"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    close_code = 1013
    retryable = True


class DrainError(VoiceHubError):
    """The server goes away; the client comes back to another."""

    code = "server_draining"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    close_code = 1012
    retryable = True


class IdentityProviderError(VoiceHubError):
    """An identity provider's keys cannot be fetched: nobody can be told from anybody."""

    code = "identity_provider_unavailable"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    retryable = True


class EngineError(VoiceHubError):
    """The speech engine failed or cannot be opened."""

    code = "engine_failed"
    status = HTTPStatus.BAD_GATEWAY
    close_code = 1011
    retryable = True


class StorageError(VoiceHubError):
    """A store did not answer, or answered what it must not."""

    code = "storage_unavailable"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    close_code = 1011
    retryable = True


class FencedError(StorageError):
    """A newer owner holds the session: this one must stop writing."""

    code = "session_lost"
    status = HTTPStatus.CONFLICT
