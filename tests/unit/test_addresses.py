"""Which repositories people may register (S39): nothing that leads back into the operator's own network."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import Any

import pytest

from hubwright.errors import MalformedError, RefusedError, UnprocessableError
from hubwright.git.commands import Git
from hubwright.hub.addresses import AddressRules, check_public

RULES = AddressRules(clone_base="https://github.com", protocols=("https", "ssh"))

PRIVATE = [
    "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "0.0.0.0", "10.0.0.1", "172.16.0.1",
    "192.168.1.1", "169.254.169.254", "100.64.0.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "[::1]", "[::]",
    "[fe80::1]", "[fd00::1]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[ff02::1]", "localhost",
    "127.0.0.1:443", "[::1]:443", "\u2460\u2461\u2466.0.0.1",
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
