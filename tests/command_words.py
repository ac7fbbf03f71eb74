"""Commands as text: where `hubwright` is called in lines of a shell, and whether such a command can be meant."""

from __future__ import annotations

import re
import shlex

import click

from hubwright.cli import program

SEPARATORS = {"&&", "||", "|", ";", ";;", "&", "(", ")", "{", "}", "do", "then", "<", ">", ">>", "<<<", ">&", "<("}


def commands_in(text: str) -> list[str]:
    """Each call of the program in a block of shell, without what stands before and after it."""
    found = []
    for line in re.sub(r"\\\n", " ", text).splitlines():
        for words in _split(line.removeprefix("$ ")):
            names = [number for number, word in enumerate(words) if re.fullmatch(r"(.*/)?hubwright", word)]
            if names and all("=" in word or word in {"sudo", "exec", "nohup"} for word in words[: names[0]]):
                found.append(shlex.join(["hubwright", *words[names[0] + 1 :]]))
    return found


def find_mistake(shown: str) -> str | None:
    """What is wrong with `hubwright …` as a page writes it (`[BUILD]`, `ls|rm`, `…` and CAPITALS are stand-ins)."""
    words = [word.strip("[]") for word in shlex.split(shown)[1:]]
    command, path = program, "hubwright"
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name = words.pop(0)
        if path == "hubwright" and name == "COMMAND":
            return None
        inner = {each: command.get_command(click.Context(command), each) for each in name.split("|")}
        if missing := [each for each, known in inner.items() if known is None]:
            return f"`{shown}`: {path} has no command {missing[0]}"
        command, path = next(filter(None, inner.values())), f"{path} {name}"
    known = {flag for one in command.params for flag in (*one.opts, *one.secondary_opts)} | {
        "--help",
        "-h",
        "--version",
    }
    for word in words:
        flag = word.partition("=")[0]
        if word == "--":
            return None
        if re.fullmatch(r"--?[a-zA-Z][\w-]*", flag) and flag not in known:
            return f"`{shown}`: {path} has no option {flag}"
    return None


def _split(line: str) -> list[list[str]]:
    """The simple commands of a line; what only a shell understands is left out of them."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    commands: list[list[str]] = [[]]
    try:
        for word in lexer:
            if word.startswith("#"):
                break
            if word in SEPARATORS or set(word) <= set("();<>|&"):
                commands.append([])
            else:
                commands[-1].append(word)
    except ValueError:
        return commands
    return commands
