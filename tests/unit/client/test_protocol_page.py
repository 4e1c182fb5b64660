"""PROTOCOL.md is what the code does: its bytes, its events, its example."""

import re
from pathlib import Path

import orjson
import pytest

from voicehub import client
from voicehub.client.notices import notice_of
from voicehub.errors import DrainError
from voicehub.realtime.binary import AudioHeader, unpack
from voicehub.realtime.extension import EXTENSION_EVENT_TYPES, SUBPROTOCOL
from voicehub.realtime.parse import parse_client

PAGE = (Path(client.__file__).parent / "PROTOCOL.md").read_text()
HEADERS = [AudioHeader(0, 1, 0, first=True).pack(), AudioHeader(0, 1, 100).pack()]


def block(language):
    return re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)[1].splitlines()


def events(side):
    lines = [line[2:] for line in block("text") if line.startswith(f"{side} {{")]
    return [orjson.loads(line) for line in lines]


def test_the_bytes_of_the_page_are_those_of_the_code():
    shown = [bytes.fromhex(line.partition("+")[0]) for line in block("hex")]
    assert shown == HEADERS
    talked = [
        bytes.fromhex(found[1])
        for line in block("text")
        if (found := re.match(r"< \(binary\) ([0-9a-f ]+),", line))
    ]
    assert talked == HEADERS
    for row in ("| 0 | version", "| 1 | flags", "| 2-3 |", "| 4-7 |", "| 8-11 |", "| 12-15 |"):
        assert row in PAGE
    assert unpack(HEADERS[1])[0].start_ms == 100


def test_what_the_client_sends_on_the_page_is_taken():
    assert [event["type"] for event in events(">")] == [
        "voicehub.playout.reported",
        "conversation.item.truncate",
    ]
    for event in events(">"):
        parse_client(orjson.dumps(event), extended=True)


def test_what_the_server_says_on_the_page_is_understood():
    ours = [event for event in events("<") if event["type"].startswith("voicehub.")]
    assert len(ours) == 3
    assert all(notice_of(event) for event in ours)
    [added] = [event for event in events("<") if event["type"] == "response.output_item.added"]
    assert added["voicehub"]["item_number"] == unpack(HEADERS[0])[0].item_number
    [error] = [event["error"] for event in events("<") if event["type"] == "error"]
    assert error["code"] == DrainError.code


@pytest.mark.parametrize("name", [SUBPROTOCOL, *EXTENSION_EVENT_TYPES])
def test_every_name_stands_on_the_page(name):
    assert f"`{name}`" in PAGE


def test_the_ten_lines_of_the_package_are_python():
    shown = client.__doc__.partition("::\n\n")[2].partition("\n\nAudio")[0]
    body = "\n".join(line[4:] for line in shown.splitlines())
    wrapped = "async def main():\n" + "\n".join(f"    {line}" for line in body.splitlines())
    compile(wrapped, "client", "exec")
    for name in re.findall(r"\b(Api|Observer|Conversation|load)\(", shown):
        assert name in client.__all__
    assert sum(bool(line.strip()) for line in shown.splitlines()) <= 10
