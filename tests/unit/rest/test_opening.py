from types import SimpleNamespace

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from voicehub.keys import SETTINGS
from voicehub.rest.opening import socket_url


@pytest.mark.parametrize(
    ("public_url", "url"),
    [
        (None, "ws://here.example:8080/v1/realtime?session_id=42"),
        ("https://voice.example", "wss://voice.example/v1/realtime?session_id=42"),
        ("https://http.example/hub/", "wss://http.example/hub/v1/realtime?session_id=42"),
        ("http://voice.example:81", "ws://voice.example:81/v1/realtime?session_id=42"),
    ],
)
def test_the_socket_is_where_clients_reach_the_server(public_url, url):
    app = web.Application()
    app[SETTINGS] = SimpleNamespace(public_url=public_url)
    request = make_mocked_request(
        "POST", "/v1/sessions", headers={"Host": "here.example:8080"}, app=app
    )
    assert socket_url(request, 42) == url
