"""The IRC server that other tests rely on: its accounts, its certificate, and what it tells of who speaks."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from irc_client import CHANNEL, IrcAddress, IrcRefused, IrcUser
from irc_server import PASSWORDS, OwnIrc


def test_messages_of_a_user_with_the_right_password_bear_the_account(irc_address: IrcAddress) -> None:
    """Who speaks is what the server says, not what somebody calls himself: a stranger's messages have no account.

    And only who asked for `account-tag` is told.
    """
    with (
        IrcUser(irc_address, "listener", "bob", PASSWORDS["bob"]) as listener,
        IrcUser(irc_address, "alices-phone", "alice", PASSWORDS["alice"]) as alice,
        IrcUser(irc_address, "alice", capabilities=()) as stranger,
    ):
        assert [line.text for line in alice.lines if line.command == "903"]
        alice.say(CHANNEL, "it is me")
        assert listener.hears("alices-phone", "it is me").tags["account"] == "alice"
        assert stranger.hears("alices-phone", "it is me").tags == {}
        stranger.say(CHANNEL, "no, me: alice")
        heard = listener.hears("alice", "no, me: alice")
        assert (heard.target, heard.text) == (CHANNEL, "no, me: alice")
        assert "account" not in heard.tags


@pytest.mark.parametrize(("account", "password"), [("alice", "wrong"), ("nobody", "wonder:land")])
def test_a_wrong_password_is_refused(irc_address: IrcAddress, account: str, password: str) -> None:
    with pytest.raises(IrcRefused) as refused:
        IrcUser(irc_address, "mallory", account, password)
    assert refused.value.line.command == "904"


def test_the_certificate_is_signed_by_nobody_else(irc_address: IrcAddress) -> None:
    everybody = IrcAddress(irc_address.host, irc_address.port, Path(__file__).parents[1] / "data" / "nobody.pem")
    with pytest.raises(ssl.SSLError):
        IrcUser(everybody, "careful")


def test_a_server_of_ones_own_comes_back_where_it_was(tmp_path: Path) -> None:
    """With the same certificate and accounts; its users notice that it was gone."""
    server = OwnIrc(tmp_path)
    try:
        address = server.start()
        with IrcUser(address, "hubwright", "hubwright", PASSWORDS["hubwright"]) as user:
            server.kill()
            with pytest.raises((ConnectionError, ssl.SSLError)):
                user.until(lambda _: False)
        with pytest.raises(ConnectionRefusedError):
            IrcUser(address, "hubwright")
        assert server.start() == address
        with IrcUser(address, "hubwright", "hubwright", PASSWORDS["hubwright"]) as user:
            user.say(CHANNEL, "back again")
    finally:
        server.kill()
