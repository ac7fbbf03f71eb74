"""What must hold for names that come from outside."""

from __future__ import annotations

import contextlib
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubwright.domain.refs import check_branch, check_ref, read_clone_url
from hubwright.errors import MalformedError

PIECES = st.sampled_from(
    ["a", "B", "é", "🐛", ".", "..", "/", "@", "{", "@{", ".lock", "-", "~", "^", ":", " ", "\\", "*", "\t", "$"]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=5).map("".join))
def test_git_agrees_on_every_name(name: str) -> None:
    """A name that git refuses must never reach git; one that git accepts must never be lost."""
    git = subprocess.run(["git", "check-ref-format", f"refs/heads/{name}"], check=False).returncode == 0
    try:
        ours = check_branch(name) == name
    except MalformedError:
        ours = False
    assert ours == git


@pytest.mark.parametrize("ref", ["refs/heads/a\ud800", "@", "-a", "--upload-pack=x"])
def test_refs_that_no_process_could_take_are_refused(ref: str) -> None:
    """A lone surrogate has no bytes, and an option is not a name."""
    with pytest.raises(MalformedError):
        check_ref(ref)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://github.com/o/n", "github.com"),
        ("https://GitHub.com/o/n.git", "github.com"),
        ("http://user:pw@127.0.0.1:8080/o/n/", "127.0.0.1:8080"),
        ("git@github.com:o/n.git", "github.com"),
        ("ssh://git@github.com/o/n.git", "github.com"),
        (" git://github.com/o/n \n", "github.com"),
    ],
)
def test_clone_addresses_are_taken_apart(url: str, host: str) -> None:
    assert read_clone_url(url) == (host, "o", "n")


@pytest.mark.parametrize(
    "url",
    ["", "o/n", "https://github.com/o", "https://github.com/o/n/tree/main", "file:///o/n", "ext::sh -c id/o/n",
     "https:///o/n", "https://github.com/../n", "-oProxyCommand=x:o/n", "https://github.com/o/n%00",
     "https://[/o/n", "javascript:alert(1)/o/n"],
)  # fmt: skip
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(MalformedError):
        read_clone_url(url)


@given(st.text())
def test_any_text_is_an_address_or_refused(url: str) -> None:
    with contextlib.suppress(MalformedError):
        read_clone_url(url)


@pytest.mark.parametrize("url", ["-oProxyCommand=x:o/n", "git@-oProxy:o/n", "ssh://-x@host/o/n", "https://host/o/n?\0"])
def test_no_address_is_an_option(url: str) -> None:
    """S40: ssh takes a host or user with a dash at its beginning for an option (CVE-2017-1000117)."""
    with pytest.raises(MalformedError):
        read_clone_url(url)
