"""Channels that are logged, on a real server: what people say there is read on a page a moment later."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from hub_process import HubProcess
from irc_client import IrcAddress, IrcUser
from irc_server import PASSWORDS
from waiting import until

LOGGED, OTHER = "#logged", "#unlogged"
BOT = "logger"


@pytest.fixture(scope="module")
def logging(irc_address: IrcAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    settings = {
        "IRC__PACE": "0.1",
        "IRC__SERVER": irc_address.host,
        "IRC__PORT": str(irc_address.port),
        "IRC__CA_FILE": str(irc_address.ca),
        "IRC__NICK": BOT,
        "IRC__CHANNELS": f"{LOGGED},{OTHER}",
        "IRC__LOGGED": LOGGED.upper(),
    }
    with HubProcess(tmp_path_factory.mktemp("logging"), ("hub",), settings=settings) as hub:
        yield hub


def read(hub: HubProcess) -> list[dict[str, str]]:
    """Today's events, as programs read them."""
    answer = hub.client.get(f"/irclogs/logged/{datetime.now(UTC).date()}.json")
    return answer.json()["items"] if answer.status_code == 200 else []


def test_what_is_said_is_on_the_page_of_today(logging: HubProcess, irc_address: IrcAddress) -> None:
    """With the account of who said it; nothing of the channel that is not named, of a query, nor off the record."""
    with IrcUser(irc_address, "alice-logged", "alice", PASSWORDS["alice"]) as alice:
        for channel in (LOGGED, OTHER):
            alice.send(f"JOIN {channel}")
            until(lambda channel=channel: _is_there(alice, channel))
        alice.send(f"PART {LOGGED}")
        alice.send(f"JOIN {LOGGED}")
        alice.say(OTHER, "elsewhere")
        alice.say(BOT, "between us")
        alice.say(LOGGED, "[off] the record")
        alice.say(LOGGED, "see \x02https://ci.example.org\x02 <b>")
        alice.say(LOGGED, "\x01ACTION waves\x01")
        alice.say(LOGGED, f"{BOT}: help")
        alice.send("NICK alice-renamed")
        alice.send(f"PART {LOGGED} :tea")
        until(lambda: any(one["text"] == "tea" for one in read(logging)))
    events = [one for one in read(logging) if one["nick"].startswith("alice")]
    assert [(one["kind"], one["text"]) for one in events][-7:] == [
        ("part", ""),
        ("join", ""),
        ("msg", "see \x02https://ci.example.org\x02 <b>"),
        ("action", "waves"),
        ("msg", f"{BOT}: help"),
        ("nick", ""),
        ("part", "tea"),
    ]
    assert {one["account"] for one in events} == {"alice"}
    assert next(one for one in events if one["kind"] == "nick")["other"] == "alice-renamed"
    until(lambda: any(one["nick"] == BOT and one["kind"] == "notice" for one in read(logging)))
    page = logging.client.get("/irclogs/logged", headers={"Accept": "text/html"}).text
    assert '<a class="b" href="https://ci.example.org"' in page
    assert "&lt;b&gt;" in page
    assert logging.client.get("/irclogs/unlogged").status_code == 404


def _is_there(user: IrcUser, channel: str) -> bool:
    """Whether the bot is in the channel."""
    user.send(f"NAMES {channel}")
    names = user.until(lambda line: line.command == "353" and channel in line.parameters).text
    return BOT in names.replace("@", "").split()
