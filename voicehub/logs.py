"""Log lines: a fixed message and attributes, for people or for machines; never what people said."""

import logging
import sys
import traceback
from typing import Literal

import structlog
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import RequestPayloadError


def configure(form: Literal["auto", "console", "json"]) -> None:
    """Send every log line, the libraries' too, to standard error in one form."""
    if form == "auto":
        form = "console" if sys.stderr.isatty() else "json"
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _tell_exception,
                renderer,
            ],
        )
    )
    handler.addFilter(_is_ours_to_mend)
    handler.addFilter(_without_reprs)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("voicehub").setLevel(logging.INFO)


def _tell_exception(
    _logger: object, _method: str, line: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Where it happened and what kind it is. Its message and the local variables stay out: they may
    hold what people said, or a token.
    """
    error = line.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        line["exception"] = "\n".join(_told(error))
    return line


def _told(error: BaseException) -> list[str]:
    parts = [] if error.__cause__ is None else [*_told(error.__cause__), "which led to"]
    for each in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        parts += [*_told(each), "in a group"]
    frames = traceback.extract_tb(error.__traceback__)
    places = [
        f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}' for frame in frames
    ]
    return [*parts, *places, type(error).__qualname__]


def _is_ours_to_mend(record: logging.LogRecord) -> bool:
    """What is no HTTP is answered by 400, and a line of the access log; aiohttp would add an error
    that quotes it.
    """
    error = record.exc_info[1] if record.exc_info else None
    # A body that nobody wanted to read may be none as well.
    return not isinstance(error, HttpProcessingError | RequestPayloadError)


def _without_reprs(record: logging.LogRecord) -> bool:
    """Asyncio tells of a failure that nobody asked for by the repr of its task, with the message of
    the exception in it. Its first line says what happened.
    """
    if record.name == "asyncio" and record.levelno >= logging.ERROR:
        record.msg, record.args = record.getMessage().partition("\n")[0], None
    return True
