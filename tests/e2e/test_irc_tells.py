"""What a hub announces on a real IRC server, which goes for a while: channels hear it all, in order, once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fake_github import FakeGitHub
from hub_process import HubProcess, Make
from irc_client import CHANNEL, IrcAddress, IrcLine, IrcUser
from irc_server import PASSWORDS, OwnIrc
from waiting import until

BOT = "hubwright"
HOSTILE = "Fix\x07 it\u202e \x02\x0304now\x0f\r\nQUIT :gone\nJOIN 0"
BROKEN = {".hubwright.yml": "stages: no list\n"}


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnIrc]:
    """A server of this file's own."""
    server = OwnIrc(tmp_path_factory.mktemp("network"))
    yield server
    server.kill()


@pytest.fixture(scope="module")
def address(network: OwnIrc) -> IrcAddress:
    """Where it listens, also after it was gone."""
    return network.start()


@pytest.fixture(scope="module")
def telling(github: FakeGitHub, address: IrcAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """A hub whose bot tells one channel of all branches, and another one of nothing but tags."""
    settings = {
        "IRC__PACE": "0.1",
        "IRC__SERVER": address.host,
        "IRC__PORT": str(address.port),
        "IRC__CA_FILE": str(address.ca),
        "IRC__NICK": BOT,
        "IRC__PASSWORD": PASSWORDS[BOT],
        "IRC__CHANNELS": f'["{CHANNEL}"]',
        "IRC__NEWS": f'["{CHANNEL} branch=**", "#tags event=refs colours=off"]',
    }
    with HubProcess(tmp_path_factory.mktemp("telling"), ("hub",), github=github, settings=settings) as hub:
        yield hub


def listen(address: IrcAddress, nick: str) -> IrcUser:
    """Somebody in both channels, and so is the bot."""
    user = IrcUser(address, nick, channel=None)
    for channel in (CHANNEL, "#tags"):
        user.join(channel)
        names = next(line.text for line in reversed(user.lines) if line.command == "353")
        if BOT not in names.replace("@", "").split():
            user.until(lambda line, of=channel: (line.command, line.sender, line.target) == ("JOIN", BOT, of), 30)
    return user


def heard(user: IrcUser) -> list[IrcLine]:
    """What the bot has announced."""
    return [line for line in user.lines if line.command == "NOTICE" and line.sender == BOT]


def test_pushes_and_broken_branches_are_announced(telling: HubProcess, address: IrcAddress, make: Make) -> None:
    """To each channel what it wants; whatever a commit says stays in its line."""
    repository = make()
    with listen(address, "listener") as user:
        telling.deliver("push", repository.push(BROKEN, HOSTILE))
        line = user.hears(BOT, "BROKEN")
        told = [one for one in heard(user) if repository.full_name in one.text]
        assert line.text.startswith(f"[{repository.full_name}] main ")
        assert f"at {repository.head()[:7]}" in line.text
        assert line.text.endswith(f"{telling.url}/builds/{telling.builds(repository)[0]['id']}")
        pushed = next(one for one in told if "]: Fix" in one.text)
        assert pushed.text.startswith(f"{repository.full_name} main {repository.head()[:7]} Ada Lovelace [+")
        assert pushed.text.endswith("now␏ [2 more lines]")
        assert not {*pushed.text} & {*map(chr, range(32)), "\u202e"}
        telling.deliver("push", repository.push_payload(ref="refs/tags/v1"))
        tags = [user.hears(BOT, "v1: tag moved").target for _ in range(2)]
        assert sorted(tags) == [CHANNEL, "#tags"]
        assert {one.target for one in told} == {CHANNEL}


def test_what_happens_while_the_server_is_gone_is_told_when_it_is_back(
    network: OwnIrc, telling: HubProcess, address: IrcAddress, make: Make
) -> None:
    """Nothing else waits for it: pushes are taken, builds end."""
    repository = make()
    with listen(address, "witness") as user:
        telling.deliver("push", repository.push({"a": "1"}, "Before it went"))
        user.hears(BOT, "Before it went")
    network.kill()
    telling.deliver("push", repository.push({"b": "1"}, "Meanwhile"))
    telling.deliver("push", repository.push(BROKEN, "It breaks"))
    until(lambda: [one for one in telling.builds(repository) if one["result"] == "failure"])
    assert network.start() == address
    with listen(address, "survivor") as user:
        user.hears(BOT, "]: It breaks", 30)
        if not [line for line in heard(user) if "BROKEN" in line.text]:
            user.hears(BOT, "BROKEN")
        told = [line.text.partition("]: ")[2] for line in heard(user) if "]: " in line.text]
        assert told == ["Meanwhile", "It breaks"]
