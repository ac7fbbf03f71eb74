"""The release after this one, as far as it matters to those who upgrade: a copy of the source in which the wire is a
version newer, with a field on each side and a message that only it knows, and the database has a column more.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import hubwright
from hubwright.store.revision import HEAD
from hubwright.wire import WIRE_VERSION

VERSION = "99.0.0"
"""Its version."""

WIRE = WIRE_VERSION + 1
"""Its version of the wire."""

REVISION = f"{int(HEAD) + 1:04}"
"""Its newest migration."""

MADE_BY = "made_by"
"""The column that it adds to `run`, with its version."""

_MOOD = f'''
class Mood(Message, frozen=True, kw_only=True):
    """Sent by: builder. Something that the release before has no word for."""

    word: ClassVar[str] = "mood"
    since: ClassVar[int] = {WIRE}

    text: str


class Ack('''

_HEARD = """            case Message(word='mood'):
                words = {'builder': session.hello.name, 'colour': session.hello.colour}
                structlog.get_logger().info('mood_heard', **words)
            case LatestCommit():
"""

_SAID = """        await self._say(socket, Mood(text=welcome.motto))
        if self.leaving:
            await self._say(socket, Leaving("""

_CHANGES = {
    "__init__.py": [(f'__version__ = "{hubwright.__version__}"', f'__version__ = "{VERSION}"')],
    "wire/frames.py": [
        (f"WIRE_VERSION = {WIRE_VERSION}", f"WIRE_VERSION = {WIRE}"),
        ("    Message,\n", "    Message,\n    Mood,\n"),
        ("    Leaving,\n    Vitals,\n", "    Leaving,\n    Mood,\n    Vitals,\n"),
    ],
    "wire/messages.py": [
        ("\nclass Ack(", _MOOD),
        ("    once: bool = False\n", "    once: bool = False\n    colour: str = 'red'\n"),
        ("    heartbeat: float\n", "    heartbeat: float\n    motto: str = ''\n"),
    ],
    "hub/sessions.py": [("heartbeat=self._heartbeat, runs=", "heartbeat=self._heartbeat, motto='on', runs=")],
    "hub/hearing.py": [
        ("            case LatestCommit():\n", _HEARD),
        ("from hubwright.wire import (\n", "import structlog\nfrom hubwright.wire import (\n    Message,\n"),
    ],
    "builder/connection.py": [
        ("        if self.leaving:\n            await self._say(socket, Leaving(", _SAID),
        ("import asyncio\n", "import asyncio\nfrom hubwright.wire.messages import Mood\n"),
    ],
    "store/schema/builds.py": [
        (
            '    Column("log_at", String(32)),',
            f'    Column("log_at", String(32)),\n    Column("{MADE_BY}", String(20), default="{VERSION}"),',
        )
    ],
    "store/revision.py": [(f'HEAD = "{HEAD}"', f'HEAD = "{REVISION}"')],
}
"""What is replaced by what in which file; each place must be there once."""

_MIGRATION = f'''"""What the release after this one adds."""

import sqlalchemy as sa
from alembic import op

revision = "{REVISION}"
down_revision = "{HEAD}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("run", sa.Column("{MADE_BY}", sa.String(20), nullable=True))
'''


def make_next_release(folder: Path) -> Path:
    """Write it below `folder`; what PYTHONPATH must be for it to be run."""
    source = folder / "hubwright"
    shutil.copytree(Path(hubwright.__file__).parent, source)
    for name, changes in _CHANGES.items():
        path = source / name
        text = path.read_text()
        for old, new in changes:
            assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {name}"
            text = text.replace(old, new)
        path.write_text(text)
    (source / "store" / "migrations" / "versions" / f"{REVISION}_next.py").write_text(_MIGRATION)
    return folder
