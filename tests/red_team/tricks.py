"""Runs that try to have the builder itself do what they must not: it may read and write where they may not."""

from __future__ import annotations

from typing import Any

_LONG = ":\n" + "#" * 100_001 + "\necho long\n"
"""A script that is too long for an argument: the builder puts it into a file."""

_LINKS = """:
cd ..; rm -rf commands; ln -s $LOOT commands; mkdir -p tree/kept; echo x > tree/kept/x
for name in script cache cache.tar.zst script.sh commands.tmp; do ln -s $LOOT/canary $name; done
"""

_SWAP = """:
mkdir -p d; echo x > d/canary; echo '<testsuite name="s"><testcase name="own"/></testsuite>' > d/report.xml
ln -s $LOOT/canary linked; ln $LOOT/canary hard || :; ln -s $LOOT folder
setsid sh -c 'while :; do mv d e; ln -s $LOOT d; rm -f d; mv e d; done' >/dev/null 2>&1 &
"""

_REPLACED = """:
cd ..; mv tree moved; ln -s $LOOT tree
"""

_PIPES = """:
mkdir -p kept; mkfifo pipe.xml pipe kept/pipe; ln -s pipe.xml other.xml
perl -e 'socket(S, 1, 1, 0); bind(S, pack(q(S a108), 1, q(sock)))'
"""

_GIT = """:
mkdir -p .git/hooks
printf '[core]\\n\\tfsmonitor = touch %s/ran\\n\\thooksPath = hooks\\n' $WORK >> .git/config
printf '\\tsshCommand = touch %s/ran\\n' $WORK >> .git/config
printf '#!/bin/sh\\ntouch %s/ran\\n' $WORK > .git/hooks/post-checkout; chmod +x .git/hooks/post-checkout
printf '* filter=evil\\n' > .gitattributes
"""

_TERMINAL = """:
stty raw -echo 2>/dev/null || :
printf '\\033[?1049h\\033]0;title\\007\\033]52;c;R09U\\007\\033[6n\\033[c\\033P+q\\033\\\\\\016'
perl -e 'ioctl(STDOUT, 0x540C, 0); ioctl(STDOUT, 0x540A, 0)' || :
setsid sh -c 'exec sleep 600' &
printf '\\023\\021\\030'
"""  # TIOCEXCL: nobody may open it any more; TCXONC with TCOOFF: what is written waits

_SIGNALS = ":\nkill -9 $BUILDER; kill -9 $VICTIM; kill -STOP $BUILDER; kill -9 -$VICTIM; kill -9 -1; :\n"


def trick_stages() -> dict[str, tuple[dict[str, Any], ...]]:
    """The stages of each run, by the attack's name."""
    kept = {"artifacts": {"paths": ["**", "d/**"], "status": "always"}, "reports": ["**/*.xml", "*.xml"]}
    return {
        "links": ({"name": "plant", "run": _LINKS}, {"name": "long", "run": _LONG, "allow_failure": True}),
        "swap": (
            {"name": "loop", "run": _SWAP, **kept},
            {"name": "replace", "run": _REPLACED, "allow_failure": True, **kept},
            {"name": "after", "run": "cat canary report.xml", "allow_failure": True, **kept},
        ),
        "pipe": ({"name": "pipes", "run": _PIPES, "timeout": 30, **kept},),
        "git": ({"name": "git", "run": _GIT, **kept},),
        "terminal": (
            {"name": "tie", "run": _TERMINAL, "timeout": 3, "allow_failure": True},
            {"name": "later", "run": ":\necho later output is here\n"},
        ),
        "signals": ({"name": "kill", "run": _SIGNALS, "allow_failure": True},),
    }
