"""Where the bare mirror of a repository lies: hub and builder of one machine find the same folder on their own."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


def mirror_path(root: Path, clone_url: str) -> Path:
    """The folder of the mirror of `clone_url` below `root`: readable, safe and different for each address.

    `https://github.com/nim-lang/Nim.git` -> `root/nim-lang-Nim-3f2a….git`. Nothing of the address but letters, digits,
    `-` and `_` reaches the path, and the hash keeps apart what that makes alike.
    """
    address = clone_url.rstrip("/").removesuffix(".git")
    words = [_UNSAFE.sub("_", word) for word in re.split(r"[/:]", address)[-2:]]
    readable = "-".join(word for word in words if word)[:80].strip("-_") or "repository"
    return root / f"{readable}-{sha256(address.encode()).hexdigest()[:12]}.git"
