"""A TCP relay that can be cut: the way between a builder and its hub, in the hands of a test."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self


class CutWire:
    """Relays from `port` to `target` of this machine, until `cut`; again after `mend`."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._hushed: set[socket.socket] = set()
        self._is_cut = False
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(5)
        for end in self._hushed:
            end.close()

    def cut(self) -> None:
        """End what is open and let nobody through."""
        self._is_cut = True
        for end in list(self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def hush(self) -> None:
        """Of what is open nothing passes any more, and neither end is told, not even when the other one goes."""
        self._hushed |= self._open

    def mend(self) -> None:
        """Let everybody through again."""
        self._is_cut = False

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if self._is_cut:
                    near.close()
                    continue
                try:
                    far = socket.create_connection(("127.0.0.1", self._target))
                except OSError:
                    near.close()
                    continue
                self._open |= {near, far}
                for one, other in ((near, far), (far, near)):
                    thread = threading.Thread(target=self._relay, args=(one, other), daemon=True)
                    self._threads.append(thread)
                    thread.start()

    def _relay(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65_536):
                if one not in self._hushed:
                    other.sendall(data)
        if one in self._hushed and not self._is_cut:
            return  # what is left is closed by `cut`
        with suppress(OSError):
            other.shutdown(socket.SHUT_RDWR)
        self._open.discard(one)
        one.close()
