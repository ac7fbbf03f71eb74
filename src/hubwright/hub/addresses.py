"""Which repositories may be asked: none at an address that leads back into the operator's own network (S39).

It is looked at when somebody registers a repository, and again each time that git goes there: a name that was a public
host's may be another's by then. What was looked at is where git goes.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from hubwright.domain.refs import read_clone_url
from hubwright.domain.repos import Repository
from hubwright.errors import MalformedError, RefusedError, UnprocessableError, UnreachableRepositoryError

COMMAND = "ext::"
"""What addresses begin with that are a command: https://git-scm.com/docs/git-remote-ext."""

_LAST_NAMES = re.compile(r"([A-Za-z0-9_.-]+)/([A-Za-z0-9_.-]+)\Z")
_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?\Z|[0-9a-f.]*:[0-9a-f.:]*\Z")
_PLAIN = re.compile(r"[A-Za-z0-9._~:/@+,=%\[\]-]*\Z")
_TRANSLATED = IPv6Network("64:ff9b::/96")
"""What leads to an address of IPv4 in its last four bytes: https://www.rfc-editor.org/rfc/rfc6052."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Registered:
    """A repository that may be built: `clone_url` is None when it lies at the hub's own GitHub."""

    repository: Repository
    clone_url: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class AddressRules:
    """`protocols` as git may use them; `hosts` are allowed although they are private, `clone_base` always."""

    clone_base: str
    protocols: tuple[str, ...]
    hosts: tuple[str, ...] = ()

    def check(self, url: str) -> Registered:
        """What the address names; looks its host up, so call it in a thread.

        Raises MalformedError, UnprocessableError.
        """
        url = url.strip()
        if not url:
            raise MalformedError("Url may not be blank: give git_repository_url.")
        if url.startswith(self.clone_base + "/"):
            return self._at_home(url)
        if url.startswith("file://"):
            return self._on_disk(url)
        if url.startswith(COMMAND):
            return self._by_command(url)
        found = read_clone_url(url)
        scheme, host, _port = _take_apart(url)
        if scheme not in self.protocols:
            raise UnprocessableError(
                f"{scheme}: addresses are not allowed here; allowed are {', '.join(self.protocols)}."
            )
        name = Repository(id=None, owner=found.owner, name=found.name)
        if host == "github.com" and urlsplit(self.clone_base).hostname == "github.com":
            return Registered(repository=name, clone_url=None)
        if host not in self.hosts:
            check_public(host)
        return Registered(repository=name, clone_url=url)

    def allows(self, url: str) -> bool:
        """Whether git may go there, as far as the address itself tells; nobody is asked."""
        return url.startswith(self.clone_base + "/") or _scheme_of(url) in self.protocols

    def pin(self, url: str) -> Mapping[str, str]:
        """The settings with which git goes where it was looked, whatever the name stands for a moment later.

        Looks the host up, so call it in a thread. ssh knows no such setting: its server's key is what tells it apart.
        Raises UnreachableRepositoryError.
        """
        if url.startswith((self.clone_base + "/", "file://", COMMAND)):
            return {}
        try:
            scheme, host, port = _take_apart(url)
            if host in self.hosts:
                return {}
            found = check_public(host)
        except RefusedError as error:
            raise UnreachableRepositoryError(str(error)) from error
        if scheme not in _PORTS:
            return {}
        places = ",".join(f"[{one}]" if ":" in one else one for one in found)
        shown = f"[{host}]" if ":" in host else host
        return {"http.curloptResolve": f"{shown}:{port or _PORTS[scheme]}:{places}"}

    def _at_home(self, url: str) -> Registered:
        words = url.removeprefix(self.clone_base + "/").removesuffix("/").removesuffix(".git").split("/")
        if len(words) != 2:
            raise UnprocessableError(f"{self.clone_base}/OWNER/NAME is expected.")
        found = read_clone_url(f"https://host/{words[0]}/{words[1]}")
        return Registered(repository=Repository(id=None, owner=found.owner, name=found.name), clone_url=None)

    def _on_disk(self, url: str) -> Registered:
        if "file" not in self.protocols:
            raise UnprocessableError("file: addresses are not allowed here; allow them in GIT__ALLOW_PROTOCOLS.")
        words = url.rstrip("/").removesuffix(".git").split("/")
        found = read_clone_url(f"https://host/{words[-2]}/{words[-1]}")
        return Registered(repository=Repository(id=None, owner=found.owner, name=found.name), clone_url=url)

    def _by_command(self, url: str) -> Registered:
        """An address that git runs: its last two names are the repository's."""
        if "ext" not in self.protocols:
            raise UnprocessableError("ext: addresses are not allowed here; allow them in GIT__ALLOW_PROTOCOLS.")
        named = _LAST_NAMES.search(url)
        if named is None or not url.isprintable():
            raise MalformedError(f"{url[:80]!a} names no repository: ext::COMMAND … OWNER/NAME is expected.")
        found = read_clone_url(f"https://host/{named[1]}/{named[2]}")
        return Registered(repository=Repository(id=None, owner=found.owner, name=found.name), clone_url=url)


def _scheme_of(url: str) -> str:
    if url.startswith(COMMAND):
        return "ext"
    return urlsplit(url).scheme if "://" in url else "ssh"


def _take_apart(url: str) -> tuple[str, str, int | None]:
    """Protocol, host in small letters, and port. Raises MalformedError where programs could read it in two ways."""
    host = read_clone_url(url).host
    try:
        parts = urlsplit(f"//{host}")
        name, port = parts.hostname or "", parts.port
    except ValueError:
        name, port = "", None
    if not _HOST.match(name) or not _PLAIN.match(url):
        raise MalformedError(f"{url[:80]!a} has a host or sign that is not allowed; write names in ASCII.")
    return _scheme_of(url), name, port


def check_public(host: str) -> list[str]:
    """The addresses of a host, all of them public. Raises UnprocessableError."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UnprocessableError(f"The host {host} is not known.") from error
    addresses = list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))
    if not all(_is_public(one) for text in addresses for one in _meanings(ip_address(text))):
        raise UnprocessableError(f"The host {host} lies in a private network; allow it in GIT__ALLOW_HOSTS.")
    return addresses


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and address.is_site_local:
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def _meanings(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """Where it leads: the address, or those of IPv4 that it is translated to on its way."""
    if isinstance(address, IPv6Address) and address in _TRANSLATED:
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    if isinstance(address, IPv6Address) and address.sixtofour is not None:
        return [address, address.sixtofour]
    return [address]
