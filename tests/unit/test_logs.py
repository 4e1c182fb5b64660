import subprocess
import sys

import orjson

# In a process of its own: logging is configured once for a whole process.
SCRIPT = """
import logging, structlog
from voicehub import logs
logs.configure({form!r})
log = structlog.get_logger("voicehub.live")
log.debug("too small")
log.info("session started", session_id=7)
logging.getLogger("aiohttp").info("not ours")
logging.getLogger("aiohttp").warning("a library warns")
words = "what was said"
try:
    try:
        1 / 0
    except ZeroDivisionError as error:
        raise RuntimeError(words) from error
except RuntimeError:
    log.exception("it failed")
"""


def lines(form):
    command = [sys.executable, "-c", SCRIPT.format(form=form)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert not done.stdout
    return done.stderr


def test_for_machines_each_line_is_one_json_object():
    started, warned, failed = map(orjson.loads, lines("json").splitlines())
    assert (started["event"], started["session_id"], started["level"]) == (
        "session started",
        7,
        "info",
    )
    assert warned["event"] == "a library warns"
    assert failed["exception"].endswith("line 15, in <module>\nRuntimeError")
    assert "ZeroDivisionError\nwhich led to" in failed["exception"]


def test_for_people_lines_are_plain_where_nobody_sees_colours():
    shown = lines("console")
    assert "session started" in shown
    assert "session_id=7" in shown
    assert "not ours" not in shown
    assert "\x1b" not in shown


def test_a_traceback_shows_neither_a_message_nor_a_local_variable():
    for form in ("json", "console"):
        assert "what was said" not in lines(form)


UNHEARD = """
import asyncio, gc
from voicehub import logs
logs.configure("json")

async def fail():
    raise ValueError("what was said")

async def main():
    task = asyncio.create_task(fail())
    await asyncio.wait([task])
    del task
    gc.collect()

asyncio.run(main())
"""


def test_a_failure_that_nobody_asked_for_is_told_without_its_words():
    command = [sys.executable, "-c", UNHEARD]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    (line,) = map(orjson.loads, done.stderr.splitlines())
    assert line["event"] == "Task exception was never retrieved"
    assert line["exception"].endswith("in fail\nValueError")
    assert "what was said" not in done.stderr


NO_BODY = """
import logging
from aiohttp.web import RequestPayloadError
from voicehub import logs
logs.configure("json")
try:
    raise RequestPayloadError("b'what was sent'")
except RequestPayloadError:
    logging.getLogger("aiohttp.server").exception("Unhandled exception")
"""


def test_a_body_that_is_not_what_it_says_is_no_failure_of_ours():
    command = [sys.executable, "-c", NO_BODY]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
