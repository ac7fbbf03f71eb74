"""Which repositories people may register: no address that leads back into the operator's own network (S39)."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from hubwright.domain.refs import read_clone_url
from hubwright.domain.repos import Repository
from hubwright.errors import MalformedError, UnprocessableError


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
        found = read_clone_url(url)
        scheme = urlsplit(url).scheme if "://" in url else "ssh"
        if scheme not in self.protocols:
            raise UnprocessableError(
                f"{scheme}: addresses are not allowed here; allowed are {', '.join(self.protocols)}."
            )
        host = urlsplit(f"//{found.host}").hostname or ""
        if host == "github.com" and urlsplit(self.clone_base).hostname == "github.com":
            return Registered(repository=Repository(id=None, owner=found.owner, name=found.name), clone_url=None)
        if host not in self.hosts:
            check_public(host)
        name = Repository(id=None, owner=found.owner, name=found.name)
        return Registered(repository=name, clone_url=url)

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


def check_public(host: str) -> None:
    """Refuse a host with an address that is not a public one. Raises UnprocessableError."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UnprocessableError(f"The host {host} is not known.") from error
    for entry in found:
        address = ipaddress.ip_address(str(entry[4][0]).partition("%")[0])
        if not address.is_global or address.is_multicast:
            raise UnprocessableError(f"The host {host} lies in a private network; allow it in GIT__ALLOW_HOSTS.")
