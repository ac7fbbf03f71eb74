"""That ended builds go to a search engine, where one is set: by each hub, for logs lie on its disk."""

from __future__ import annotations

from hubwright.config import Settings
from hubwright.outlets.search_engine import SearchEngine
from hubwright.reports.relay import Relay
from hubwright.reports.search import SearchReporter, is_bad, make_template
from hubwright.reports.search_documents import Writer
from hubwright.reports.search_history import History, SearchHistory
from hubwright.web.site import Site

SEARCH = "search"
"""The queue: facts, and reports of the reporter of that name."""

PATIENCE = 2.0
"""Seconds for each step of a question: a page waits for it."""


class SearchLife:
    """The drain, and what it needs. Begin it before anything can happen: what happened before is not written."""

    def __init__(self, settings: Settings, site: Site, owner: str) -> None:
        self.names: tuple[str, ...] = ()
        self._relay: Relay | None = None
        self._engine: SearchEngine | None = None
        self._asked: SearchEngine | None = None
        self._history: SearchHistory | None = None
        chosen = settings.elasticsearch
        if chosen.url is None:
            return
        self._engine = SearchEngine(chosen.url, chosen.api_key)
        self._asked = SearchEngine(chosen.url, chosen.api_key, timeout=PATIENCE)
        self._history = SearchHistory(self._asked, chosen.prefix)
        reporter = SearchReporter(
            site.database,
            self._engine,
            Writer(chosen.prefix, site.public_url),
            make_template(chosen.prefix),
            site.any_logs().read,
            wants_log=lambda run: chosen.logs == "all" or (chosen.logs == "failed" and is_bad(run)),
            log_size=chosen.log_size,
        )
        self._relay = Relay(site.database, [reporter], owner, site.clock, _drain_goes_on, tally=site.tally)
        self._relay.load = site.load_facts
        self._relay.enroll()
        self.names = self._relay.names

    def drain(self) -> float | None:
        """Write what has ended; when to look again."""
        return None if self._relay is None else self._relay.drain()

    def find_history(self, failure: int) -> History | None:
        """What the engine knows of a known failure; None where there is no engine, or it does not answer."""
        return None if self._history is None else self._history.find(failure)

    def close(self) -> None:
        """Let what is being written end."""
        if self._relay is not None:
            self._relay.close()
        for engine in (self._engine, self._asked):
            if engine is not None:
                engine.close()


def _drain_goes_on(_queue: str) -> None:
    """Reports are sent by the drain that has made them."""
