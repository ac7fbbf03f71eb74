"""That IRC hears what happens here: by the one process that has the bot, while the bot is there."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from hubwright.hub.dispatcher import InProcessDispatcher
from hubwright.reports import Reporter
from hubwright.reports.relay import Relay
from hubwright.store.database import Database
from hubwright.store.figures import Tally

NEWS = "irc"
"""The queue: facts, and reports of the reporter of that name."""


class NewsLife:
    """The relay of the reporters on IRC, in a thread of its own. `is_there` says whether the bot is on the network now.

    While it is not, nothing is read or sent, and what happens waits in its rows.
    """

    def __init__(
        self,
        database: Database,
        reporters: Sequence[Reporter],
        owner: str,
        is_there: Callable[[], bool],
        tally: Tally,
    ) -> None:
        self._is_there = is_there
        self._is_begun = False
        self._relay = Relay(database, reporters, owner, time.time, _drain_goes_on, is_heard=self._may_tell, tally=tally)
        self._relay.enroll()
        self.names = self._relay.names
        self._is_begun = True
        self._dispatcher = InProcessDispatcher({NEWS: self._relay.drain})

    def start(self) -> None:
        """Begin to tell."""
        self._dispatcher.start()

    def wake(self) -> None:
        """Something happened, or the bot has come; from any thread."""
        self._dispatcher.wake(NEWS)

    def stop(self) -> None:
        """Let what is being told end; the bot must say nothing more by then."""
        self._dispatcher.stop(10.0)
        self._relay.close()

    def _may_tell(self) -> bool:
        """Who begins, enrols whether the bot is there or not: what happens from now on is told to the channels."""
        return not self._is_begun or self._is_there()


def _drain_goes_on(_queue: str) -> None:
    """Reports are sent by the drain that has made them."""
