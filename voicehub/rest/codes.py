"""The `code` of every error that the API may answer, by status, with what it means."""

from http import HTTPStatus

CODES: dict[HTTPStatus, dict[str, str]] = {
    HTTPStatus.BAD_REQUEST: {
        "invalid_value": "A value is not one that this field or parameter takes.",
        "missing_required_parameter": "A field or parameter that is needed is not there.",
        "unknown_parameter": "A field or parameter is not known here, or is not yours to set.",
        "invalid_json": "The body is not JSON.",
        "beta_not_supported": "The Realtime Beta is not served, only the GA protocol.",
        "invalid_reset_token": "The token for a new password is wrong, too old or used up.",
        "weak_password": "The password is too short, too long, or the address.",
        "invalid_idempotency_key": "The Idempotency-Key has 1 to 128 letters, digits or `_.:-`.",
    },
    HTTPStatus.UNAUTHORIZED: {
        "missing_api_key": "A bearer token is missing.",
        "invalid_api_key": "The token is not valid, or its user is gone.",
        "token_expired": "The token has expired.",
        "invalid_credentials": "Email, password or team is wrong, or no user has this account.",
        "invalid_id_token": "The ID token is not one of the provider's for this server.",
        "email_not_verified": "The identity provider has not verified the address.",
        "invalid_refresh_token": "The sign-in is over: sign in again.",
    },
    HTTPStatus.FORBIDDEN: {
        "forbidden": "Whoever asks may not do this.",
        "agent_is_built_in": "Agents that are built in are changed by platform admins only.",
        "admin_required": "Only platform admins may do this.",
        "origin_not_allowed": "The page that asks is of a site that is not allowed.",
        "plan_not_free": "Plans that cost something are chosen by platform admins.",
        "wrong_password": "The old password is wrong.",
        "insufficient_quota": "The team's plan is used up, or it has none.",
    },
    HTTPStatus.NOT_FOUND: {
        "not_found": "There is no such resource, or it is another team's.",
        "not_configured": "The server does not offer this way to sign in.",
        "agent_not_found": "There is no such agent, or it is another team's.",
        "recording_not_found": "The session has no recording.",
        "transcript_not_found": "The transcript was removed.",
    },
    HTTPStatus.REQUEST_TIMEOUT: {
        "request_timeout": "The body took too long to arrive.",
    },
    HTTPStatus.CONFLICT: {
        "delivery_pending": "The webhook delivery is still to be sent.",
        "email_taken": "The team has a user with this address.",
        "endpoint_disabled": "Nothing is sent to a disabled webhook endpoint.",
        "endpoint_limit_exceeded": "The team has as many webhook endpoints as it may.",
        "idempotency_key_in_use": "The first request with this key is not answered yet.",
        "name_taken": "Another has this name.",
        "no_period_end": "The subscription has no end of a period at which it could be cancelled.",
        "password_changed": "The password was changed meanwhile.",
        "recording_not_ready": "The recording is not finished yet: ask again after Retry-After.",
        "recording_unavailable": "The recording could not be made.",
        "session_not_open": "The session is in a state that does not allow this.",
        "session_open": "The session has not ended: end it first.",
        "still_referenced": "Other rows refer to this one: the message counts them.",
        "subscription_exists": "The team has a subscription: change its plan.",
        "subscription_over": "The subscription is cancelled or expired: make a new one.",
        "team_required": "The login belongs to several teams: send `team`; `teams` names them.",
        "usage_unsettled": "What the session used waits for a subscription of the team.",
    },
    HTTPStatus.PRECONDITION_FAILED: {
        "precondition_failed": "The resource was changed since you read it.",
    },
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: {
        "message_too_big": "The body is too large.",
    },
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: {
        "unsupported_media_type": "The body must be application/json.",
    },
    HTTPStatus.UNPROCESSABLE_ENTITY: {
        "unprocessable": "What was sent is well formed, and cannot be.",
        "idempotency_key_reused": "The Idempotency-Key was used for another request.",
    },
    HTTPStatus.TOO_MANY_REQUESTS: {
        "rate_limit_exceeded": "Too many of these: come back after Retry-After.",
        "session_limit_exceeded": "The user or the team has as many open sessions as it may.",
    },
    HTTPStatus.BAD_GATEWAY: {
        "engine_failed": "The speech engine failed or cannot be opened.",
    },
    HTTPStatus.SERVICE_UNAVAILABLE: {
        "identity_provider_unavailable": "The keys of the identity provider cannot be fetched.",
        "server_draining": "The server goes away: another takes the request.",
        "server_overloaded": "The server is too full to do this now.",
        "session_busy": "The process that has the session has not answered yet.",
        "storage_refused": "The store of recordings refuses what is asked of it.",
        "storage_unavailable": "A store is away.",
    },
}
