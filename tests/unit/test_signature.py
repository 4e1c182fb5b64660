"""The signature of Standard Webhooks, checked against the specification's own example."""

import pytest

from voicehub.signature import key_of, signed_headers

# From the specification's reference libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # public, in everybody's tests


def test_the_signature_is_that_of_the_specification():
    headers = signed_headers(
        [key_of(SECRET)], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_each_key_of_a_rotation_signs():
    both = signed_headers([b"new", b"old"], "evt_1", 1, b"{}")["webhook-signature"].split(" ")
    one = [
        signed_headers([key], "evt_1", 1, b"{}")["webhook-signature"] for key in (b"new", b"old")
    ]
    assert both == one


def test_a_plain_secret_is_the_key_as_it_stands():
    assert key_of("plain words") == b"plain words"


@pytest.mark.parametrize("secret", ["whsec_???", "whsec_", ""])
def test_a_secret_that_is_no_key_is_refused(secret):
    with pytest.raises(ValueError, match=r".+"):
        key_of(secret)
