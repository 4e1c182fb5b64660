import pytest
from multidict import CIMultiDict

from voicehub.auth.bearer import credential, offered_subprotocols


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ([], None),
        ([("Authorization", "Bearer abc")], "abc"),
        ([("authorization", "bEARER   abc ")], "abc"),
        ([("Authorization", "Basic abc")], None),
        ([("Authorization", "Bearer")], None),
        ([("Authorization", "Bearer ")], None),
        ([("Sec-WebSocket-Protocol", "realtime, openai-insecure-api-key.ek_abc")], "ek_abc"),
        (
            [
                ("Sec-WebSocket-Protocol", "realtime"),
                ("Sec-WebSocket-Protocol", "openai-insecure-api-key.ek_abc"),
            ],
            "ek_abc",
        ),
        ([("Sec-WebSocket-Protocol", "realtime,openai-insecure-api-key.")], None),
        ([("Sec-WebSocket-Protocol", ",, ,")], None),
    ],
)
def test_the_token_is_found_where_clients_put_it(headers, token):
    assert credential(CIMultiDict(headers)) == token


def test_the_same_token_in_both_places_is_one_token():
    headers = CIMultiDict(
        {"Authorization": "Bearer abc", "Sec-WebSocket-Protocol": "openai-insecure-api-key.abc"}
    )
    assert credential(headers) == "abc"


def test_two_different_tokens_are_no_token():
    headers = CIMultiDict(
        {"Authorization": "Bearer abc", "Sec-WebSocket-Protocol": "openai-insecure-api-key.xyz"}
    )
    assert credential(headers) is None


def test_offered_subprotocols_never_contain_the_token():
    headers = CIMultiDict(
        {"Sec-WebSocket-Protocol": "realtime, openai-insecure-api-key.secret, voicehub.v1"}
    )
    assert offered_subprotocols(headers) == ["realtime", "voicehub.v1"]
