"""Builds that are started over IRC, on a real server with real accounts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fake_github import FakeGitHub
from fake_repository import FakeRepository
from hub_process import HubProcess, Make
from irc_client import CHANNEL, IrcAddress, IrcUser
from irc_server import PASSWORDS
from waiting import until

BOT = "hubwright"


@pytest.fixture(scope="module")
def talking(
    github: FakeGitHub, irc_address: IrcAddress, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[HubProcess]:
    """A hub with a bot: alice may write to every repository, bob may read."""
    folder = tmp_path_factory.mktemp("talking")
    github.state.permissions |= {"alice-at-github": (7, "write"), "bob-at-github": (8, "read")}
    settings = {
        "IRC__PACE": "0.1",
        "IRC__SERVER": irc_address.host,
        "IRC__PORT": str(irc_address.port),
        "IRC__CA_FILE": str(irc_address.ca),
        "IRC__NICK": BOT,
        "IRC__PASSWORD": PASSWORDS[BOT],
        "IRC__CHANNELS": f'["{CHANNEL}"]',
        "IRC__ACCOUNTS": "alice=alice-at-github,bob=bob-at-github",
    }
    with HubProcess(folder, ("hub",), github=github, settings=settings) as hub:
        yield hub


@pytest.fixture
def alice(talking: HubProcess, irc_address: IrcAddress) -> Iterator[IrcUser]:
    """In the channel, with the bot."""
    with IrcUser(irc_address, "alice-at-home", "alice", PASSWORDS["alice"]) as user:
        wait_for_bot(user)
        yield user


def know(hub: HubProcess, repository: FakeRepository) -> None:
    """Have the hub know the repository's job, and its push built."""
    hub.deliver("push", repository.push_payload())
    until(lambda: hub.builds(repository))


def wait_for_bot(user: IrcUser) -> None:
    """It is there already, or comes."""
    user.send(f"NAMES {CHANNEL}")
    names = user.until(lambda line: line.command == "353").text
    if BOT not in names.replace("@", "").split():
        user.until(lambda line: line.command == "JOIN" and line.sender == BOT, 30)


def test_a_build_is_started_with_its_parameters(
    talking: HubProcess, alice: IrcUser, github: FakeGitHub, make: Make
) -> None:
    """In the channel and in a query; the build says who asked, and has what was given."""
    repository = make()
    know(talking, repository)
    parameters = [{"name": "FLAVOUR", "required": True}]
    path = f"/api/v1/jobs/{repository.full_name}"
    assert talking.client.patch(path, json={"settings": {"parameters": parameters}}).status_code == 200

    alice.say(CHANNEL, f"!build {repository.full_name}")
    assert "FLAVOUR" in alice.hears(BOT, "alice-at-home: ").text

    alice.say(CHANNEL, f"!build {repository.full_name} main FLAVOUR=hot")
    said = alice.hears(BOT, "is being built").text
    number = int(said.rpartition("/builds/")[2])
    at = f"{repository.full_name} at {repository.head()[:7]}"
    assert said == f"alice-at-home: {at} is being built: {talking.url}/builds/{number}"
    assert talking.build(number)["parameters"] == {"FLAVOUR": "hot"}
    entries = talking.get("audit", actor="alice-at-github")["items"]
    told = [(entry["by"], entry["path"], entry["status"]) for entry in entries]
    assert told == [("irc", repository.full_name, 202), ("irc", repository.full_name, 422)]

    alice.say(BOT, f"build {repository.full_name} FLAVOUR=mild")
    again = alice.until(lambda line: line.command == "NOTICE" and line.target == alice.nick and line.sender == BOT)
    assert again.text.startswith(f"{repository.full_name} at")


@pytest.mark.usefixtures("alice")
def test_who_may_not_write_starts_nothing(talking: HubProcess, irc_address: IrcAddress, make: Make) -> None:
    """A nick proves nothing, an account is what its login may do; whether there is such a job is not told."""
    repository = make()
    know(talking, repository)
    before = len(talking.builds(repository))
    with IrcUser(irc_address, "bobs-phone", "bob", PASSWORDS["bob"]) as bob, IrcUser(irc_address, "bob") as impostor:
        for job in (repository.full_name, "octo/none"):
            bob.say(CHANNEL, f"!build {job}")
            assert (
                bob.hears(BOT, "bobs-phone: ").text == f"bobs-phone: You may not change {job}, or there is no such job."
            )
        impostor.say(CHANNEL, f"!build {repository.full_name}")
        assert "Log in" in impostor.hears(BOT, "bob: ").text
    assert len(talking.builds(repository)) == before


@pytest.mark.usefixtures("alice")
def test_what_is_not_for_it_is_left_alone_and_hostile_words_break_nothing(irc_address: IrcAddress) -> None:
    """Other bots' commands in a channel are ignored, in a query explained; control characters do not come back."""
    with IrcUser(irc_address, "guest-of-tests") as guest:
        guest.say(CHANNEL, "!weather here")
        guest.say(BOT, "weather here")
        assert "!build" in guest.hears(BOT, "I don't know weather").text
        guest.say(BOT, f"\x02\x0304evil\x0f{'ä' * 150}")
        said = guest.hears(BOT, "evil")
        assert not set(said.raw) & {chr(code) for code in range(32)}
        in_channel = [line.text for line in guest.lines if line.sender == BOT and line.target == CHANNEL]
        assert not [text for text in in_channel if "weather" in text]
        for _ in range(5):
            guest.say(BOT, "help")
        assert "5 commands a minute" in guest.hears(BOT, "minute").text


def test_the_bot_comes_back_with_its_hub(talking: HubProcess, alice: IrcUser) -> None:
    """A killed hub's bot is gone; its next life's is there, under its own name or the one beside it."""
    talking.kill()
    alice.until(lambda line: line.command == "QUIT" and line.sender == BOT, 30)
    talking.start()
    wait_for_bot(alice)
    alice.say(CHANNEL, "!help build")
    assert "!build JOB" in alice.hears(BOT, "alice-at-home: ").text
