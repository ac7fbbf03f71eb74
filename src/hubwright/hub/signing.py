"""The hub's own key: Ed25519, made at its first use, readable by its owner only. It signs where files come from."""

from __future__ import annotations

import base64
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from hubwright.domain.provenance import PAYLOAD_TYPE, pre_authentication_encoding
from hubwright.errors import HubwrightError, SettingsError


class Signer:
    """Signs statements with one key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        public = key.public_key()
        self.public_pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.key_id = key_id_of(public)

    def derive(self, purpose: str) -> bytes:
        """A key of 32 bytes for another purpose, the same on every hub with this key; it tells nothing of it.

        https://www.rfc-editor.org/rfc/rfc5869
        """
        return HKDF(SHA256(), 32, None, f"hubwright {purpose}".encode()).derive(self._key.private_bytes_raw())

    def sign(self, statement: dict[str, Any]) -> bytes:
        """The statement in a signed DSSE envelope, one line of JSON."""
        payload = orjson.dumps(statement, option=orjson.OPT_SORT_KEYS)
        signature = self._key.sign(pre_authentication_encoding(PAYLOAD_TYPE, payload))
        envelope = {
            "payloadType": PAYLOAD_TYPE,
            "payload": base64.b64encode(payload).decode(),
            "signatures": [{"keyid": self.key_id, "sig": base64.b64encode(signature).decode()}],
        }
        return orjson.dumps(envelope) + b"\n"


def open_signer(path: Path) -> Signer:
    """The signer whose key is in the file, made when there is none. Raises SettingsError."""
    try:
        if not path.exists():
            _make_key(path)
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise SettingsError(f"The key {path} can't be used: {error}.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingsError(f"The key {path} can't be used: an Ed25519 key in PEM is expected.")
    return Signer(key)


def read_envelope(envelope: bytes, public_pem: bytes) -> dict[str, Any]:
    """The statement of a signed envelope. Raises HubwrightError when it is damaged or another key signed it."""
    try:
        key = load_pem_public_key(public_pem)
        told = orjson.loads(envelope)
        payload = base64.b64decode(told["payload"], validate=True)
        kind, signatures = str(told["payloadType"]), [base64.b64decode(one["sig"]) for one in told["signatures"]]
    except (ValueError, KeyError, TypeError) as error:
        raise HubwrightError("This is no signed provenance, or no public key.") from error
    if kind != PAYLOAD_TYPE or not isinstance(key, Ed25519PublicKey):
        raise HubwrightError("The provenance is not of a kind that hubs sign.")
    if not any(_is_signed(key, signature, pre_authentication_encoding(kind, payload)) for signature in signatures):
        raise HubwrightError("The signature is not the hub's: the provenance was changed, or another hub made it.")
    statement: dict[str, Any] = orjson.loads(payload)
    return statement


def key_id_of(public: Ed25519PublicKey) -> str:
    """SHA-256 of the public key's DER form, hexadecimal."""
    return sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _is_signed(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _make_key(path: Path) -> None:
    """Two hubs that start at once keep the one that was first."""
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        os.fsync(file.fileno())
    try:
        os.link(draft, path)  # fails when there is one already
    except FileExistsError:
        pass
    finally:
        draft.unlink()
