"""Which repositories people may register (S39): nothing that leads back into the operator's own network."""

from __future__ import annotations

import socket
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from git_repositories import GitRepository
from hubwright.domain.job_definitions import read_definition
from hubwright.errors import MalformedError, RefusedError, SourceError, UnprocessableError, UnreachableRepositoryError
from hubwright.git.commands import Git
from hubwright.git.mirrors import Mirrors, Origin
from hubwright.hub.addresses import AddressRules, check_public

RULES = AddressRules(clone_base="https://github.com", protocols=("https", "ssh"))

PRIVATE = [
    "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "0.0.0.0", "10.0.0.1", "172.16.0.1",
    "192.168.1.1", "169.254.169.254", "100.64.0.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "[::1]", "[::]",
    "[fe80::1]", "[fd00::1]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[ff02::1]", "localhost",
    "127.0.0.1:443", "[::1]:443", "\u2460\u2461\u2466.0.0.1", "[::127.0.0.1]", "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:0a00:1]", "017700000001",
    "[64:ff9b::7f00:1]", "[64:ff9b::10.0.0.1]", "[64:ff9b:1::a00:1]", "[2002:7f00:1::]", "[2002:a00:1::1]", "[fec0::1]",
    "[2001:0:a00:1::1]", "[fe80::1%25lo]", "localhost.", "LOCALHOST", "127.0.0.1.", "127%2e0%2e0%2e1", "0x7f.1",
    "b\u00fccher.example", "93.184.215.14.", "127.0.0.1\\@93.184.215.14", "93.184.215.14\\@127.0.0.1",
    "93.184.215.14:80@127.0.0.1", "93.184.215.14:99999", "93.184.215.14:x",
]  # fmt: skip


@pytest.mark.parametrize("host", PRIVATE)
@pytest.mark.parametrize("form", ["https://{}/o/n", "https://user@{}/o/n.git", "ssh://git@{}/o/n"])
def test_addresses_within_are_refused_in_whatever_form(host: str, form: str) -> None:
    with pytest.raises(RefusedError):
        RULES.check(form.format(host))


@pytest.mark.parametrize(
    "url",
    ["", "   ", "nonsense", "file:///etc/passwd", "file:///srv/o/n.git", "ext::sh -c id", "ext::sh -c id% /o/n",
     "fd::17", "http://93.184.215.14/o/n", "git://93.184.215.14/o/n", "ftp://93.184.215.14/o/n", "-oProxyCommand=id",
     "https://github.com/o", "https://github.com/o/n/tree/main", "https://github.com/o/..", "https://github.com/../n",
     "https://github.com/o/$(id)", "https://github.com/o/n\nHost: x", "https:///o/n", "javascript:alert(1)//o/n",
     "https://[::1/o/n", "--upload-pack=id", "https://93.184.215.14"],
)  # fmt: skip
def test_what_is_no_allowed_address_is_refused(url: str) -> None:
    with pytest.raises((MalformedError, UnprocessableError)):
        RULES.check(url)


@pytest.mark.parametrize(
    "url", ["https://github.com/octo/hello", "https://github.com/octo/hello.git", "https://github.com/octo/hello/",
            " https://github.com/octo/hello ", "git@github.com:octo/hello.git"],
)  # fmt: skip
def test_githubs_own_are_taken_by_name_in_every_form(url: str) -> None:
    found = RULES.check(url)
    assert (found.repository.full_name, found.clone_url) == ("octo/hello", None)


def test_a_public_address_is_taken_as_given() -> None:
    found = RULES.check("https://93.184.215.14/octo/hello.git")
    assert (found.repository.full_name, found.clone_url) == ("octo/hello", "https://93.184.215.14/octo/hello.git")


def test_a_host_that_is_allowed_may_be_private() -> None:
    allowed = replace(RULES, hosts=("10.0.0.7",))
    assert allowed.check("https://10.0.0.7/o/n").clone_url == "https://10.0.0.7/o/n"
    with pytest.raises(UnprocessableError):
        allowed.check("https://10.0.0.8/o/n")


def test_files_are_taken_only_where_the_operator_allows_them() -> None:
    found = replace(RULES, protocols=("file",)).check("file:///srv/octo/hello.git")
    assert (found.repository.full_name, found.clone_url) == ("octo/hello", "file:///srv/octo/hello.git")


def test_one_private_address_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name may stand for several addresses, and git takes which it likes."""

    def answer(_host: str, *_rest: Any, **_more: Any) -> list[Any]:
        return [(socket.AF_INET, 1, 6, "", (address, 0)) for address in ("93.184.215.14", "10.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    with pytest.raises(UnprocessableError, match="private network"):
        check_public("two-faced.example.org")


def test_an_unknown_host_is_said() -> None:
    with pytest.raises(UnprocessableError, match="not known"):
        RULES.check("https://nowhere.invalid/o/n")


def test_git_follows_no_redirect_into_the_network() -> None:
    """What was looked at is what is fetched; only GitHub may send us on, to a repository that was renamed."""
    env = Git().environment({})
    count = int(env["GIT_CONFIG_COUNT"])
    told = {env[f"GIT_CONFIG_KEY_{number}"]: env[f"GIT_CONFIG_VALUE_{number}"] for number in range(count)}
    assert told["http.followRedirects"] == "false"
    assert env["GIT_ALLOW_PROTOCOL"] == "https:ssh"


def test_an_address_that_ipv4_is_translated_to_counts_as_what_it_leads_to() -> None:
    """In a network of IPv6 alone every public host of IPv4 has such an address (RFC 6052)."""
    assert RULES.check("https://[64:ff9b::5db8:d70e]/o/n").clone_url == "https://[64:ff9b::5db8:d70e]/o/n"


def test_git_goes_where_was_looked_whatever_the_name_stands_for_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """S39, DNS rebinding: a name is public when it is registered, and private when git asks for it."""
    answers = {"AF": ["93.184.215.14", "2606:2800:21f::1"]}

    def answer(_host: str, *_rest: Any, **_more: Any) -> list[Any]:
        return [(socket.AF_INET, 1, 6, "", (address, 0)) for address in answers["AF"]]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    url = "https://git.example.org/octo/hello.git"
    assert RULES.check(url).clone_url == url
    pinned = {"http.curloptResolve": "git.example.org:443:93.184.215.14,[2606:2800:21f::1]"}
    assert RULES.pin(url) == pinned
    assert RULES.pin("https://me@git.example.org:8443/o/n") == {
        "http.curloptResolve": "git.example.org:8443:93.184.215.14,[2606:2800:21f::1]"
    }
    assert RULES.pin("git@git.example.org:o/n") == {}
    answers["AF"] = ["10.0.0.1"]
    with pytest.raises(UnreachableRepositoryError, match="private network"):
        RULES.pin(url)
    with pytest.raises(UnreachableRepositoryError, match="private network"):
        RULES.pin("git@git.example.org:o/n")
    assert replace(RULES, hosts=("git.example.org",)).pin(url) == {}
    assert RULES.pin("https://github.com/o/n.git") == RULES.pin("file:///srv/o/n.git") == {}


def test_git_itself_goes_to_the_pinned_address_and_mirrors_ask_before_each_way(tmp_path: Path) -> None:
    """Real git, a real server: the name is nobody's, only the setting leads there. A guard that refuses is obeyed."""
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers["Host"])
            self.send_error(404)

        def log_message(self, *_words: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_port
        origin = Origin(repository="o/n", clone_url=f"http://nobody.invalid:{port}/o/n")
        pin = {"http.curloptResolve": f"nobody.invalid:{port}:127.0.0.1"}
        mirrors = Mirrors(tmp_path, Git("http"), guard=lambda _url: pin)
        with pytest.raises(UnreachableRepositoryError):
            mirrors.read_heads(origin)
        server.shutdown()
    assert asked == [f"nobody.invalid:{port}"]

    def refuse(_url: str) -> dict[str, str]:
        raise UnreachableRepositoryError("no")

    guarded = Mirrors(tmp_path, Git("http"), guard=refuse)
    try:
        for ask in (guarded.read_heads, lambda one: guarded.fetch(one, "a" * 40, "HEAD")):
            with pytest.raises(UnreachableRepositoryError, match=r"^no$"):
                ask(origin)
    finally:
        guarded.close()


def test_a_command_is_an_address_only_where_the_operator_says_so(tmp_path: Path) -> None:
    """`ext` in GIT__ALLOW_PROTOCOLS: then git does what it says, for the repository of its last two names."""
    head = GitRepository(tmp_path / "octo" / "hello.git").commit({"Makefile": "all:\n"})
    url = f"ext::git %s {tmp_path}/octo/hello.git"
    with pytest.raises(UnprocessableError, match="GIT__ALLOW_PROTOCOLS"):
        RULES.check(url)
    assert not RULES.allows(url)
    rules = replace(RULES, protocols=("https", "ssh", "ext"))
    found = rules.check(url)
    assert (found.repository.full_name, found.clone_url) == ("octo/hello", url)
    assert rules.allows(url)
    assert rules.pin(url) == {}
    for wrong in ("ext::", "ext::sh -c id", "ext::git %s /octo/hello\n.git", "ext::git %s /octo/.."):
        with pytest.raises((MalformedError, UnprocessableError)):
            rules.check(wrong)
    origin = Origin(repository="octo/hello", clone_url=url)
    for protocols, works in (("https:ssh:ext", True), ("https:ssh:file", False)):
        mirrors = Mirrors(tmp_path / "mirrors", Git(protocols), rules.pin)
        try:
            if works:
                assert head in str(mirrors.read_refs(origin))
            else:
                with pytest.raises(SourceError):
                    mirrors.read_refs(origin)
        finally:
            mirrors.close()
    document = {"repository": "octo/hello", "clone_url": url}
    assert read_definition(document) == document
