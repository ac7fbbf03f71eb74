"""Who asks, behind a balancer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hubwright.errors import SettingsError
from hubwright.wiring.server import server_config


def asker(proxies: list[str], sender: str, said: str) -> str:
    """Whom the app is told of when a connection from `sender` says `X-Forwarded-For: said`."""
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["client"][0])

    config = server_config(app, proxies)
    config.load()
    scope = {"type": "http", "client": (sender, 1), "headers": [(b"x-forwarded-for", said.encode())], "scheme": "http"}
    asyncio.run(config.loaded_app(scope, None, None))  # type: ignore[arg-type]  nothing is received or sent
    return seen[0]


@pytest.mark.parametrize(
    ("proxies", "sender", "said", "who"),
    [
        ([], "10.0.0.7", "1.2.3.4", "10.0.0.7"),
        ([], "127.0.0.1", "1.2.3.4", "127.0.0.1"),
        (["10.0.0.7"], "10.0.0.7", "1.2.3.4", "1.2.3.4"),
        (["10.0.0.7"], "10.0.0.8", "1.2.3.4", "10.0.0.8"),
        (["10.0.0.0/8", "2001:db8::/32"], "2001:db8::1", "9.9.9.9, 1.2.3.4, 10.3.0.1", "1.2.3.4"),
    ],
)
def test_only_what_known_balancers_say_of_who_asks_is_believed(
    proxies: list[str], sender: str, said: str, who: str
) -> None:
    """S44: else one guesser behind a balancer locks all out, or anybody gets rid of his count by a header."""
    assert asker(proxies, sender, said) == who


@pytest.mark.parametrize("proxy", ["*", "balancer", "10.0.0.1/8", "10.0.0.0/33"])
def test_a_balancer_that_is_no_address_is_refused(proxy: str) -> None:
    """A name would silently match nothing, and `*` would believe everybody."""
    with pytest.raises(SettingsError, match="ACCESS__PROXIES"):
        server_config(lambda *_: None, [proxy])  # type: ignore[arg-type]  it is never called
