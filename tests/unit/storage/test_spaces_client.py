import pytest

from voicehub.errors import StorageError
from voicehub.storage.spaces_client import (
    SpacesRefusedError,
    as_storage_error,
    content_md5,
    load_client,
)


class AnsweredError(Exception):
    """As the S3 client raises them."""

    def __init__(self, code: str, status: int) -> None:
        self.response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}


@pytest.mark.parametrize(
    ("code", "status"),
    [("InternalError", 500), ("SlowDown", 503), ("X", 429), ("RequestTimeout", 400)],
)
def test_a_store_in_trouble_may_be_asked_again(code: str, status: int) -> None:
    error = as_storage_error("put x", AnsweredError(code, status))
    assert error.retryable
    assert not isinstance(error, SpacesRefusedError)


@pytest.mark.parametrize(
    ("code", "status", "is_gone"),
    [
        ("InvalidAccessKeyId", 403, False),
        ("SignatureDoesNotMatch", 403, False),
        ("NoSuchBucket", 404, False),
        ("NoSuchUpload", 404, True),
        ("NoSuchKey", 404, True),
        ("404", 404, True),
    ],
)
def test_a_refusal_says_why_and_is_final(code: str, status: int, is_gone: bool) -> None:  # noqa: FBT001 - a column
    error = as_storage_error("put x", AnsweredError(code, status))
    assert isinstance(error, SpacesRefusedError)
    assert not error.retryable
    assert (error.reason, error.is_gone) == (code, is_gone)
    assert code in error.message


@pytest.mark.parametrize("failure", [TimeoutError(), ConnectionResetError()])
def test_no_answer_may_be_asked_again(failure: Exception) -> None:
    error = as_storage_error("put x", failure)
    assert type(error) is StorageError
    assert error.retryable


def test_the_digest_is_base64_of_md5() -> None:
    assert content_md5(b"") == "1B2M2Y8AsgTpgAmY7PhCfg=="


def test_checksums_are_sent_and_checked_only_when_required() -> None:
    """The client's default corrupts uploads over https on stores that do not know chunk framing."""
    _, config, _ = load_client("us-east-1", "key", "secret", is_virtual=False)
    assert config.request_checksum_calculation == "when_required"
    assert config.response_checksum_validation == "when_required"
    assert config.retries["total_max_attempts"] == 1
