"""How the processes write their own log: lines for people on a terminal, JSON for everything else, on stderr.

What libraries say through Python's own `logging` goes the same way: a log is JSON from its first line to the last.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

import orjson
import structlog
from structlog.typing import EventDict, Processor

from hubwright.config import Log


def configure_logging(process: str, log: Log | None = None) -> None:
    """Set the log of this process up, a hub, worker, beat, builder or irc, which each line names.

    Errors show a plain traceback, never the values of variables.
    """
    chosen = log or Log()
    as_text = chosen.format == "text" or (chosen.format == "auto" and sys.stderr.isatty())
    level = logging.getLevelNamesMapping()[chosen.level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=not as_text),
    ]
    if as_text:
        renderer: Processor = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
        factory: object = structlog.PrintLoggerFactory(sys.stderr)
        rendering = [renderer]
    else:
        shared.append(_name_process(process))
        factory = structlog.BytesLoggerFactory(sys.stderr.buffer)
        rendering = [structlog.processors.format_exc_info, _render_json]
    structlog.configure(
        processors=[*shared, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=factory,  # type: ignore[arg-type]
        cache_logger_on_first_use=True,
    )
    _lead_libraries(shared, rendering, level)


def _lead_libraries(shared: Sequence[Processor], rendering: Sequence[Processor], level: int) -> None:
    """Libraries warn; only who looks for a fault wants to hear more of them."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering, _as_text],
        )
    )
    logging.basicConfig(
        handlers=[handler], level=logging.INFO if level <= logging.DEBUG else max(level, logging.WARNING), force=True
    )


def _name_process(name: str) -> Processor:
    def add(_logger: object, _method: str, event: EventDict) -> EventDict:
        event["process"] = name
        return event

    return add


def _render_json(_logger: object, _name: str, event: EventDict) -> bytes:
    return orjson.dumps(event, default=repr)


def _as_text(_logger: object, _name: str, rendered: object) -> str:
    return rendered.decode() if isinstance(rendered, bytes) else str(rendered)
