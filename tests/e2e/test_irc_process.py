"""The bot in a process of its own, and that of several processes one has it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub_process import HubProcess, Program
from irc_client import CHANNEL, IrcAddress, IrcUser
from waiting import until

BOT = "lonely"


def settings_of(address: IrcAddress) -> dict[str, str]:
    return {
        "IRC__PACE": "0.1",
        "IRC__SERVER": address.host,
        "IRC__PORT": str(address.port),
        "IRC__CA_FILE": str(address.ca),
        "IRC__NICK": BOT,
        "IRC__CHANNELS": CHANNEL,
    }


@pytest.fixture
def hub(irc_address: IrcAddress, tmp_path: Path) -> Iterator[HubProcess]:
    """A hub whose bot is elsewhere."""
    with HubProcess(tmp_path / "hub", ("hub",), settings={**settings_of(irc_address), "IRC__APART": "true"}) as opened:
        yield opened


def bots_of(user: IrcUser) -> list[str]:
    """Those whose names begin like the bot's, for an IRC server has no two of one name."""
    user.send(f"NAMES {CHANNEL}")
    names = user.until(lambda line: line.command == "353").text
    return sorted(name.lstrip("@") for name in names.split() if name.lstrip("@").startswith(BOT))


def test_one_process_has_the_bot_and_another_takes_over(hub: HubProcess, irc_address: IrcAddress) -> None:
    """Killed or stopped, the next one is there within seconds; never are there two, and the hub has none."""
    bots = [Program(hub.folder, f"irc-{number}", ("irc",), hub.environment) for number in range(2)]
    try:
        with IrcUser(irc_address, "looker-on") as user:
            for bot in bots:
                bot.begin()
            user.until(lambda line: line.command == "JOIN" and line.sender == BOT, 30)
            first, other = sorted(bots, key=lambda bot: "irc_connected" not in bot.said)
            assert bots_of(user) == [BOT]
            assert "irc_connected" not in other.said
            assert "irc_connected" not in hub.said

            first.kill()
            user.until(lambda line: line.command == "JOIN" and line.sender.startswith(BOT), 30)
            user.say(CHANNEL, "!help")
            assert "!build" in user.hears(bots_of(user)[-1], "looker-on: ").text

            first.begin()
            until(first.is_running)
            assert other.stop() == 0
            user.until(lambda line: line.command == "JOIN" and line.sender.startswith(BOT), 30)
            assert len(bots_of(user)) == 1
    finally:
        for bot in bots:
            bot.end()


def test_without_a_server_there_is_nothing_to_do(tmp_path: Path) -> None:
    program = Program(tmp_path, "irc", ("irc",), {"HUBWRIGHT_DATA_DIR": str(tmp_path / "data")})
    program.begin()
    assert program.process is not None
    assert program.process.wait(30) == 1
    assert "set IRC__SERVER" in program.said
