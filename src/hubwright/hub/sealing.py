"""Secrets sealed with AES-256-GCM. What is sealed is bound to its place, so that rows can't be swapped.

https://cryptography.io/en/latest/hazmat/primitives/aead/
"""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest, digest

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hubwright.errors import HubwrightError, SettingsError

_NONCE = 12  # bytes
_KEY = 32


class SealError(HubwrightError):
    """A sealed value can't be opened: its key is missing, or the row was changed outside of Hubwright."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A value as the database keeps it."""

    key_id: str
    text: str


class Keys:
    """The keys, newest first: the first one seals, each opens what it has sealed. Shows nothing of itself."""

    def __init__(self, texts: Sequence[str]) -> None:
        keys = [_read_key(text) for text in texts]
        self._ciphers = {_identify(key): AESGCM(key) for key in keys}
        self._provers = {_identify(key): digest(key, b"hubwright between hubs", "sha256") for key in keys}
        self.ids = tuple(self._ciphers)

    def seal(self, value: str, place: Sequence[str]) -> Sealed:
        """Seal with the newest key. Raises SealError when there is none."""
        if not self.ids:
            raise SealError("There is no key for secrets: set SECRETS__KEYS, or start the hub once.")
        nonce = os.urandom(_NONCE)
        sealed = self._ciphers[self.ids[0]].encrypt(nonce, value.encode(), _bind(place))
        return Sealed(self.ids[0], urlsafe_b64encode(nonce + sealed).decode())

    def open(self, sealed: Sealed, place: Sequence[str]) -> str:
        """The value that was sealed for this place. Raises SealError, which does not tell the value."""
        cipher = self._ciphers.get(sealed.key_id)
        if cipher is None:
            raise SealError(
                f"its key {sealed.key_id} is missing: add it to SECRETS__KEYS again, or set the secret anew"
            )
        try:
            data = urlsafe_b64decode(sealed.text)
            return cipher.decrypt(data[:_NONCE], data[_NONCE:], _bind(place)).decode()
        except (InvalidTag, ValueError) as error:
            raise SealError("its row was changed or damaged: set the secret anew") from error

    def prove(self, data: bytes) -> str:
        """What only who has our keys can say of `data`. Raises SealError when there is none."""
        if not self.ids:
            raise SealError("There is no key for secrets: set SECRETS__KEYS, or start the hub once.")
        return f"{self.ids[0]}.{digest(self._provers[self.ids[0]], data, 'sha256').hex()}"

    def check(self, data: bytes, proof: str) -> bool:
        """Whether it was proved with one of our keys; those that differ in their newest one understand each other."""
        number, _, told = proof.partition(".")
        prover = self._provers.get(number)
        return prover is not None and compare_digest(digest(prover, data, "sha256").hex().encode(), told.encode())


def make_key() -> str:
    """A new key, as text."""
    return urlsafe_b64encode(os.urandom(_KEY)).decode()


def _read_key(text: str) -> bytes:
    try:
        key = urlsafe_b64decode(text.strip())
    except ValueError:
        key = b""
    if len(key) != _KEY:
        raise SettingsError(
            "SECRETS__KEYS is wrong: each key is 32 bytes as base64; `hubwright secret new-key` makes one."
        )
    return key


def _identify(key: bytes) -> str:
    """A name for a key that tells nothing of it."""
    return sha256(b"hubwright secret key\0" + key).hexdigest()[:16]


def _bind(place: Sequence[str]) -> bytes:
    """Each word with its length before it, so that no two places look alike."""
    return b"".join(len(word.encode()).to_bytes(4, "big") + word.encode() for word in place)
