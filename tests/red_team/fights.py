"""One fight: every attack against one camp, as recipes of real runs, and what came of each."""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from builder_process import BuilderProcess, is_alive
from git_repositories import GitRepository
from hub_stand_in import TOKEN, HubStandIn, Told, payload
from hubwright.wire import CacheWish, Payload, Source
from hubwright.wire import Tests as Cases
from red_team.attacks import ATTACKS, CLOSED, LOOK, OPEN, Attack
from red_team.bombs import bombs, deep_runs, leaving, looking
from red_team.camps import Camp, Shelf, caged, open_camp
from red_team.tricks import trick_stages

HELD, BOUNDED, THROUGH, UNTRIED = "held", "bounded", "gets through", "not tried"
LOOT = ("GOT", TOKEN, "canary-of-the-builder")
PATIENCE = 90.0  # seconds for one run, on a busy machine

_VICTIM = """:
echo GOT the other run > secret; umask 000
exec perl -e 'socket(S, 1, 1, 0); bind(S, pack(q(S a*), 1, qq(\\0$ENV{WORD}))); listen(S, 5); sleep 600' $WORD GOT
"""


@dataclass
class Fight:
    """The camp with what is known of it; `outcomes` by attack, `evidence` what was said of those that got through."""

    camp: Camp
    folder: Path
    hub: HubStandIn
    builder: BuilderProcess
    shelf: Shelf
    repository: GitRepository
    word: str
    outcomes: dict[str, str] = field(default_factory=dict)
    evidence: dict[str, str] = field(default_factory=dict)
    runs: int = 0

    @property
    def work(self) -> Path:
        return self.builder.work_dir

    @property
    def loot(self) -> Path:
        return self.folder / "loot"

    def judge(self, name: str, problem: object, fine: str = HELD) -> None:
        """Note how the attack went: `problem` is what it got, or nothing."""
        self.outcomes[name] = THROUGH if problem else fine
        if problem:
            self.evidence[name] = str(problem)[:600]

    def planted(self) -> str:
        """What of the builder's own files is not as it was made."""
        found = {path.name: path.read_bytes()[:40] for path in self.loot.iterdir()}
        return "" if set(found) == {"canary", "report.xml"} and found["canary"] == b"GOT the canary\n" else str(found)

    async def begin(self, *stages: Mapping[str, Any], env: Mapping[str, str] | None = None, **rest: Any) -> Told:
        """Order a run of these stages."""
        self.runs += 1
        image = {} if self.camp.image is None else {"image": self.camp.image}
        given: Payload = payload(*({**image, **stage} for stage in stages), env=dict(env or {}), **rest)
        return await self.hub.build(given, run=self.runs)

    async def run(self, *stages: Mapping[str, Any], env: Mapping[str, str] | None = None, **rest: Any) -> Told:
        """The same, and wait for its end."""
        told = await self.begin(*stages, env=env, **rest)
        await self.hub.result(told, PATIENCE)
        return told

    async def go(self) -> None:
        """All of it."""
        victim = await self.begin({"name": "victim", "run": _VICTIM}, env={"WORD": f"victim-{self.word}"})
        pid = await self._pid_of(f"victim-{self.word} GOT")
        env = self._known(pid)
        await self._raid(env)
        await self._tricks(env)
        self.judge("signals", "" if self.builder.process.poll() is None and is_alive(pid) else "one is dead")
        assert victim.result is None
        await bombs(self)
        await deep_runs(self)
        await leaving(self)
        await looking(self)

    def _known(self, victim: int) -> dict[str, str]:
        """What the scripts are told, as variables."""
        mirrors = self.work / "mirrors"
        (other := mirrors / "other" / "objects").mkdir(parents=True)
        (other / "secret").write_text("GOT the other mirror\n")
        for path in (other.parent, other):
            path.chmod(0o700)
        self._hand_over(mirrors)
        return {
            "LOOT": str(self.loot), "WORK": str(self.work), "BUILDER": str(self.builder.process.pid),
            "VICTIM": str(victim), "VICTIM_ROOT": str(self.work / "trees" / "1-1"),
            "VICTIM_WORD": f"victim-{self.word}",
            "OTHER_OBJECTS": str(other), "HOST": "127.0.0.1", "PORT": str(self.hub.port), "WORD": self.word,
            "SOCKET": os.environ.get("RED_TEAM_SOCKET", "/var/run/docker.sock"),
        }  # fmt: skip

    def _hand_over(self, folder: Path) -> None:
        """Make it the builder's own."""
        if self.camp.user:
            subprocess.run(["chown", "-R", f"--reference={self.loot}", folder], check=True)

    async def _pid_of(self, words: str) -> int:
        async with asyncio.timeout(PATIENCE):
            while True:
                argv = ["ps", "-wweo", "pid,args"]  # COLUMNS may be set, which would cut the lines
                listing = await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, check=True)
                found = [line.split()[0] for line in listing.stdout.splitlines() if words in line and "perl" in line]
                if found:
                    return int(found[-1])
                await asyncio.sleep(0.05)

    async def _raid(self, env: dict[str, str]) -> None:
        sha = self.repository.commit({"file": "content\n", "run.sh": "#!/bin/sh\n"})
        self._hand_over(self.repository.path)
        source = Source(repository="o/n", clone_url=f"file://{self.repository.path}", sha=sha, ref="refs/heads/main")
        look = (*LOOK, *(() if self.camp.daemon else (OPEN,)))
        stages = [
            {"name": "look", "run": "OBJECTS=$(cat .git/objects/info/alternates); export OBJECTS\n" + _script(look)},
            {"name": "closed", "run": _script(CLOSED), "network": False},
        ]
        told = await self.run(*stages, env=env, source=source)
        said = _parts(told.log.decode("utf-8", "replace"))
        for attack in (*look, *CLOSED):
            assert attack.name in said, f"{attack.name} was not tried: {told.log[-2000:].decode()}"
            self.judge(attack.name, _loot_in(said[attack.name]))
        if self.camp.daemon:
            self.outcomes[OPEN.name] = UNTRIED
        self.judge("mirror", _loot_in(said["mirror"]) or self._touched_mirror())
        self.judge("outside", self.planted() or _planted_outside(self.word))

    def _touched_mirror(self) -> str:
        """What is wrong with the mirrors after the raid."""
        mirrors = self.work / "mirrors"
        files = [path for path in mirrors.rglob("*") if path.is_file() and "other" not in path.parts]
        planted = [path.name for path in files if path.name == "planted" or path.read_bytes().startswith(b"GOT")]
        objects = [path for path in files if "objects" in path.parts]
        return " ".join(planted) or ("" if objects else "the objects are gone")

    async def _tricks(self, env: dict[str, str]) -> None:
        wishes = (CacheWish(paths=("kept",), key="k"),)
        for name, stages in trick_stages().items():
            told = await self.run(*stages, env=env, uploads=self.shelf.address, cache=wishes)
            assert told.result is not None
            assert told.result.result in {"success", "failure"}, f"{name} was not tried: {told.result.detail}"
            log = told.log.decode("utf-8", "replace")
            files = [path for path, content in self.shelf.kept.items() if b"GOT the canary" in content]
            cases = [case.name for message in told.of(Cases) for case in message.cases if "GOT" in case.name]
            problem = self.planted() or " ".join([*files, *cases]) or _loot_in(_without_commands(log))
            if name == "terminal" and "later output is here" not in _without_commands(log):
                problem = f"output is lost: {log[-300:]}"
            if name == "git" and (self.folder / "work" / "ran").exists():
                problem = "git ran it"
            self.judge(name, problem)


def _script(attacks: Sequence[Attack]) -> str:
    """One stage of many attacks: each in a shell of its own, what it says behind its name."""
    lines = [":"]
    for attack in attacks:
        lines.append(f"printf '\\n== %s\\n' {shlex.quote(attack.name)}")
        lines.append(f"timeout 15 sh -c {shlex.quote(attack.script)} 2>&1 | head -c 3000 || :")
    return "\n".join([*lines, "printf '\\n== end\\n'"])


def _parts(log: str) -> dict[str, str]:
    heads = log.split("\n== ")[1:]
    return {part.partition("\n")[0].strip(): part.partition("\n")[2] for part in heads}


def _loot_in(said: str) -> str:
    return " ".join(line for line in said.splitlines() if any(word in line for word in LOOT))


def _without_commands(log: str) -> str:
    """Without the lines that the builder says itself, in which commands are shown."""
    return "\n".join(line for line in log.splitlines() if not line.startswith("\x1b[1m"))


def _planted_outside(word: str) -> str:
    places = ("/usr", "/etc", "/opt", "/", "/var", "/home", "/root")
    return " ".join(place for place in places if Path(place, f"planted-{word}").exists())


@asynccontextmanager
async def _ready(camp: Camp, folder: Path) -> AsyncIterator[Fight]:
    sign, shelf, word = folder / "sign", Shelf(), f"{os.getpid()}{abs(hash(camp)) % 1000:03}"
    source = folder / "source"
    source.mkdir()
    async with HubStandIn().running() as hub:
        with shelf.serving():
            builder = BuilderProcess(hub.url, folder / "work", *camp.options(), prefix=camp.prefix(sign))
            with caged(builder.process.pid):
                sign.touch()
                try:
                    await hub.until(lambda: hub.connection, PATIENCE)
                    yield Fight(camp, folder, hub, builder, shelf, GitRepository(source / "n.git"), word)
                finally:
                    builder.kill()


async def fight(camp: Camp) -> Fight:
    """Every attack, in order; what came of each is in the fight."""
    with open_camp(camp) as folder:
        async with _ready(camp, folder) as it:
            await it.go()
    assert set(it.outcomes) == {attack.name for attack in ATTACKS}, set(it.outcomes) ^ {one.name for one in ATTACKS}
    return it
