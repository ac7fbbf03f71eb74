"""What a hub announces on a real IRC server: to each channel what it wants, whatever commits say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fake_github import FakeGitHub
from hub_process import HubProcess, Make
from irc_client import IrcAddress, IrcLine, IrcUser

BOT = "teller"
BRANCHES, TAGS = "#branches", "#tags"
HOSTILE = "Fix\x07 it\u202e \x02\x0304now\x0f\r\nQUIT :gone\nJOIN 0"
BROKEN = {".hubwright.yml": "stages: no list\n"}


@pytest.fixture(scope="module")
def telling(
    github: FakeGitHub, irc_address: IrcAddress, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[HubProcess]:
    """A hub whose bot tells one channel of all branches, and another one of nothing but tags."""
    settings = {
        "IRC__PACE": "0.1",
        "IRC__SERVER": irc_address.host,
        "IRC__PORT": str(irc_address.port),
        "IRC__CA_FILE": str(irc_address.ca),
        "IRC__NICK": BOT,
        "IRC__CHANNELS": f'["{BRANCHES}"]',
        "IRC__NEWS": f'["{BRANCHES} branch=**", "{TAGS} event=refs colours=off"]',
    }
    with HubProcess(tmp_path_factory.mktemp("telling"), ("hub",), github=github, settings=settings) as hub:
        yield hub


def listen(address: IrcAddress, nick: str) -> IrcUser:
    """Somebody in both channels, and so is the bot."""
    user = IrcUser(address, nick, channel=None)
    for channel in (BRANCHES, TAGS):
        user.join(channel)
        names = next(line.text for line in reversed(user.lines) if line.command == "353")
        if BOT not in names.replace("@", "").split():
            user.until(lambda line, of=channel: (line.command, line.sender, line.target) == ("JOIN", BOT, of), 30)
    return user


def heard(user: IrcUser) -> list[IrcLine]:
    """What the bot has announced."""
    return [line for line in user.lines if line.command == "NOTICE" and line.sender == BOT]


def test_pushes_and_broken_branches_are_announced(telling: HubProcess, irc_address: IrcAddress, make: Make) -> None:
    """To each channel what it wants; whatever a commit says stays in its line."""
    repository = make()
    with listen(irc_address, "listener-of-news") as user:
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
        assert sorted(tags) == [BRANCHES, TAGS]
        assert {one.target for one in told} == {BRANCHES}
