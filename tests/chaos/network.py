"""The network of an installation: each builder has a namespace of its own on a bridge, or, without root, a bad wire.

What happens to a builder's way happens to all that it says: its connection to the hub, its fetches, its uploads.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import ExitStack, suppress
from typing import Protocol, Self

from bad_wire import DOWN, UP, BadWire, bad_wire
from server_programs import free_port

LOSS = 0.3
"""The share of the packets that a lossy way loses."""


class Way(Protocol):
    """What lies between one builder and the rest."""

    prefix: tuple[str, ...]

    def url(self, port: int) -> str:
        """Where the builder finds a port of the installation."""
        ...

    def swallow(self, *ways: str) -> None:
        """Nothing passes `up`, `down` or both any more, and nobody is told."""
        ...

    def lose(self) -> None:
        """Three packets of ten are lost; a bad wire has them come late, as TCP's repetitions would."""
        ...

    def heal(self) -> None:
        """All is well again."""
        ...


class Network(Protocol):
    """`host` is where the parts listen that builders must reach; `name` is what the report says of it."""

    host: str
    name: str

    def way(self, port: int) -> Way:
        """A builder's way to the parts; `port` is the balancer's."""
        ...

    def close(self) -> None:
        """Take all of it down."""
        ...


def make_network() -> Network:
    """Namespaces where the machine allows them, else bad wires on loopback."""
    if os.geteuid() == 0 and all(shutil.which(tool) for tool in ("ip", "iptables")):
        with suppress(subprocess.CalledProcessError):
            return Namespaces()
    return Wires()


class Namespaces:
    """A bridge, and for each builder a namespace with an end of a cable in it."""

    name = "network namespaces"

    def __init__(self) -> None:
        self._number = free_port() % 250 + 1  # two installations on one machine have nothing in common
        self._bridge = f"hwc{self._number}"
        self.host = f"10.213.{self._number}.1"
        self._ways: list[_Cable] = []
        _ip("link", "add", self._bridge, "type", "bridge")
        try:
            _ip("addr", "add", f"{self.host}/24", "dev", self._bridge)
            _ip("link", "set", self._bridge, "up")
            self.way(0)._take_down()
        except subprocess.CalledProcessError:
            self.close()
            raise

    def way(self, port: int) -> _Cable:  # noqa: ARG002  all ports are reached
        """A new namespace."""
        made = _Cable(self._bridge, self.host, len(self._ways) + 2)
        self._ways.append(made)
        return made

    def close(self) -> None:
        """Namespaces and bridge are gone."""
        for way in self._ways:
            way._take_down()
        with suppress(subprocess.CalledProcessError):
            _ip("link", "del", self._bridge)


class _Cable:
    """A namespace on the bridge; what is to be lost is lost in it, by its packet filter."""

    def __init__(self, bridge: str, host: str, number: int) -> None:
        self._host = host
        self._name = f"{bridge}-{number}"
        near = f"{bridge}v{number}"
        _ip("netns", "add", self._name)
        _ip("link", "add", near, "type", "veth", "peer", "name", "eth0", "netns", self._name)
        _ip("link", "set", near, "master", bridge, "up")
        address = f"{host.rpartition('.')[0]}.{number}/24"
        _ip("-n", self._name, "addr", "add", address, "dev", "eth0")
        for device in ("eth0", "lo"):
            _ip("-n", self._name, "link", "set", device, "up")
        self.prefix = ("ip", "netns", "exec", self._name)

    def url(self, port: int) -> str:
        return f"http://{self._host}:{port}"

    def swallow(self, *ways: str) -> None:
        for way in ways:
            self._filter("-A", {UP: "OUTPUT", DOWN: "INPUT"}[way], "-j", "DROP")

    def lose(self) -> None:
        for chain in ("INPUT", "OUTPUT"):
            chance = ("-m", "statistic", "--mode", "random", "--probability", str(LOSS))
            self._filter("-A", chain, "!", "-i" if chain == "INPUT" else "-o", "lo", *chance, "-j", "DROP")

    def heal(self) -> None:
        self._filter("-F")

    def _filter(self, *words: str) -> None:
        subprocess.run([*self.prefix, "iptables", "-w", *words], check=True, capture_output=True)

    def _take_down(self) -> None:
        with suppress(subprocess.CalledProcessError):
            _ip("netns", "del", self._name)


class Wires:
    """Everything on loopback; between a builder and the balancer lies a proxy, its fetches go past it."""

    host = "127.0.0.1"
    name = "loopback with a proxy for each builder"

    def __init__(self) -> None:
        self._stack = ExitStack()

    def way(self, port: int) -> _Wire:
        """A new proxy to this port."""
        return _Wire(self._stack.enter_context(bad_wire(port)), port)

    def close(self) -> None:
        """The proxies are gone."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self


class _Wire:
    prefix: tuple[str, ...] = ()

    def __init__(self, wire: BadWire, port: int) -> None:
        self._wire = wire
        self._port = port

    def url(self, port: int) -> str:
        return self._wire.url if port == self._port else f"http://127.0.0.1:{port}"

    def swallow(self, *ways: str) -> None:
        self._wire.swallow = frozenset(ways)

    def lose(self) -> None:
        self._wire.stalls = LOSS

    def heal(self) -> None:
        self._wire.heal()


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
