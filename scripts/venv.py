"""Make `.venv` with Hubwright in it; needs nothing but this Python, and git and make for the rest.

    python3 scripts/venv.py .venv hub,sandbox,celery

Runs with any Python 3, if only to say that it is too old.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)
NEWER = ("python3.14", "python3.13", "python3.12", "python3.11")


def main(venv, extras):
    """Make the virtual environment and install this checkout with `extras` into it."""
    use_new_python()
    python = venv / "bin" / "python"
    if not works(python):
        shutil.rmtree(str(venv), ignore_errors=True)
        create(venv)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    print(f"Installing Hubwright and what it needs into {venv} (a minute or so the first time)", flush=True)
    if subprocess.call([*pip, "-e", f".[{extras}]"]):
        sys.exit("Error: pip could not install Hubwright; its message is above. Is the package index reachable?")


def use_new_python():
    """Go on with a newer Python of this machine when this one is too old."""
    if sys.version_info[:2] >= OLDEST:
        return
    newer = next((path for path in map(shutil.which, NEWER) if path), None)
    if newer is None:
        sys.exit(f"Error: Python 3.11 or newer is needed, this is {sys.version.split()[0]}.")
    os.execv(newer, [newer, *sys.argv])


def works(python):
    """Whether there is a virtual environment whose Python still runs and has pip."""
    if not python.exists():
        return False
    check = f"import sys, pip; sys.exit(sys.version_info < {OLDEST!r})"
    return subprocess.call([str(python), "-c", check], stderr=subprocess.DEVNULL) == 0


def create(venv):
    """Make the environment; Debian keeps a part of Python's venv in a package of its own."""
    argv = [sys.executable, "-m", "venv", str(venv)]
    done = subprocess.run(argv, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode == 0:
        return
    shutil.rmtree(str(venv), ignore_errors=True)
    package = "python{}.{}-venv".format(*sys.version_info)
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if "ensurepip" not in done.stdout or not can_install(as_root):
        hint = f" Debian and Ubuntu: sudo apt-get install {package}" if "ensurepip" in done.stdout else ""
        sys.exit(f"Error: {sys.executable} can't make a virtual environment.{hint}\n{done.stdout}")
    print(f"Installing {package}, which this Python lacks", flush=True)
    subprocess.call([*as_root, "apt-get", "update", "-qq"])
    subprocess.call([*as_root, "apt-get", "install", "-y", "-qq", "--no-install-recommends", package])
    if subprocess.call(argv):
        sys.exit(f"Error: {sys.executable} still can't make a virtual environment; see the messages above.")


def can_install(as_root):
    """Whether apt is here and this user may use it without being asked for a password."""
    if not shutil.which("apt-get"):
        return False
    return not as_root or (shutil.which("sudo") is not None and subprocess.call([*as_root, "true"]) == 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
