"""The bot's voice: whatever is to be said on IRC is said through it, from any thread, whether there is a server or not.

What is said before the bot has connected, or while it is away, waits until it is stale (`speech.STALE`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError

from hubwright.domain.irc_text import Text
from hubwright.errors import OutletError, OutletRefusedError
from hubwright.irc.speech import PACE, STALE, Outcome, Priority, Speech, Utterance


class Voice:
    """The lines that wait, shared by threads. `pace`: seconds for each line after the first few."""

    def __init__(self, pace: float = PACE) -> None:
        self._speech = Speech(pace)
        self._lock = threading.Lock()
        self._wake: Callable[[], object] = _nobody
        self._is_closed = False

    def say(self, target: str, text: Text, *, priority: Priority = Priority.NEWS, more: str = "") -> None:
        """Say a line to a channel or a nick, as soon as the server bears it; nobody waits for it. `more`: an address
        that stands in "+5 more: …" when too much is to be said to one target.
        """
        self._add(Utterance(target, text, time.monotonic(), priority, more))

    def tell(self, target: str, text: Text, *, more: str = "", timeout: float = STALE) -> None:
        """Say a line, and return when the server has read it: what it did not refuse until then has been heard.

        Raises OutletRefusedError when we can't speak there, OutletError when it was not said, or may not have been:
        then say it again later.
        """
        heard: Future[Outcome] = Future()
        self._add(Utterance(target, text, time.monotonic(), Priority.NEWS, more, heard.set_result))
        try:
            outcome = heard.result(timeout)
        except FutureTimeoutError:
            outcome = Outcome.STALE
        if outcome is Outcome.REFUSED:
            raise OutletRefusedError(f"The IRC server does not let us speak to {target}.")
        if outcome is not Outcome.SAID:
            raise OutletError(f"Nothing could be said to {target} on IRC: the server was away or too much waited.")

    def listen(self, wake: Callable[[], object]) -> None:
        """Who says the lines is told by `wake`, from any thread, that there may be more."""
        self._wake = wake

    def stop_listening(self) -> None:
        """What is said from now on waits."""
        self._wake = _nobody

    @property
    def waits(self) -> bool:
        """Whether there is something to say."""
        with self._lock:
            return bool(self._speech)

    def pause(self) -> float:
        """Seconds until a line may go, 0: one may go now."""
        with self._lock:
            return self._speech.pause(time.monotonic())

    def take(self) -> Utterance | None:
        """The next line, which counts as sent."""
        with self._lock:
            return self._speech.take(time.monotonic())

    def charge(self, lines: float) -> None:
        """Something else was sent, which costs as much as so many lines."""
        with self._lock:
            self._speech.charge(time.monotonic(), lines)

    def drop_stale(self) -> None:
        """Let those know who wait for what nobody will say any more."""
        with self._lock:
            self._speech.drop(time.monotonic())

    def forget(self) -> None:
        """Whatever waits will not be said by us."""
        with self._lock:
            self._speech.end()

    def close(self) -> None:
        """Nothing will be said any more: whoever waits in `tell` hears of it now."""
        with self._lock:
            self._is_closed = True
            self._speech.end()

    def _add(self, utterance: Utterance) -> None:
        with self._lock:
            if self._is_closed:
                utterance.settle(Outcome.LOST)
                return
            self._speech.add(utterance)
        self._wake()


def _nobody() -> None:
    """Nobody says lines at the moment."""
