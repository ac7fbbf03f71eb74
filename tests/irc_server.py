"""A real IRC server for tests, InspIRCd, with the services of Atheme: NickServ's accounts and SASL PLAIN, over TLS.

One for each worker of a test run (the fixture `irc_address`), or one of a test's own to be killed.
"""

from __future__ import annotations

import datetime
import ipaddress
import shutil
import signal
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from irc_client import IrcAddress, IrcUser
from server_programs import Process, Processes, ServerError, as_ordinary_user, free_port, is_open, until_true

PASSWORDS = {"alice": "wonder:land", "bob": "builder's", "hubwright": "correct-horse"}
"""The registered accounts and their passwords."""

BURST = 40
"""So many commands at once end a connection with "Excess Flood"; one a second is forgiven."""

_IRCD = Path("/usr/sbin/inspircd")
_SERVICES = Path("/usr/bin/atheme-services")

_MODULES = (
    "cap", "sasl", "services_account", "spanningtree", "ssl_gnutls", "monitor", "ircv3", "ircv3_accounttag",
    "ircv3_batch", "ircv3_capnotify", "ircv3_chghost", "ircv3_ctctags", "ircv3_echomessage", "ircv3_labeledresponse",
    "ircv3_msgid", "ircv3_servertime", "botmode", "blockcolor", "sslinfo",
)  # fmt: skip

_IRCD_SETTINGS = """
<server name="{name}" description="tests" network="Tests">
<admin name="tests" nick="tests" email="tests@irc.test">
<path configdir="{folder}" datadir="{folder}" logdir="{folder}" runtimedir="{folder}">
<pid file="{folder}/ircd.pid">
{modules}
<sslprofile name="tests" provider="gnutls" cafile="{folder}/ca.pem" certfile="{folder}/server.pem"
 keyfile="{folder}/server.key" hash="sha256" requestclientcert="yes">
<bind address="127.0.0.1" port="{port}" type="clients" sslprofile="tests">
<bind address="127.0.0.1" port="{link}" type="servers">
<connect allow="*" timeout="30" pingfreq="2m" fakelag="no" threshold="{burst}" commandrate="1000" recvq="64K"
 softsendq="1M" hardsendq="2M" localmax="1000" globalmax="1000" maxconnwarn="no" resolvehostnames="no" useident="no"
 limit="1000">
{links}
<uline server="services.test" silent="yes">
<sasl target="services.test" requiressl="no">
<dns server="127.0.0.1" sourceip="127.0.0.1" timeout="1">
<log method="stderr" type="* -USERINPUT -USEROUTPUT -m_spanningtree" level="sparse" target="-">
"""

_LINK = '<link name="{name}" ipaddr="127.0.0.1" port="{port}" allowmask="127.0.0.0/8" sendpass="link" recvpass="link">'

_SERVICES_MODULES = (
    "protocol/inspircd", "backend/opensex", "nickserv/main", "nickserv/register", "nickserv/identify",
    "nickserv/logout", "nickserv/enforce", "nickserv/cert", "saslserv/main", "saslserv/plain", "saslserv/external",
)  # fmt: skip

# Spaces around each "=" are part of its grammar.
_SERVICES_SETTINGS = """
{modules}
serverinfo {{
    name = "services.test"; desc = "Services"; numeric = "00A"; recontime = 10; netname = "Tests";
    hidehostsuffix = "users.test"; adminname = "tests"; adminemail = "tests@irc.test";
    registeremail = "tests@irc.test"; auth = none; loglevel = {{ error; }}; casemapping = ascii;
    maxlogins = 1000; maxusers = 1000;
}};
uplink "irc.test" {{ host = "127.0.0.1"; password = "link"; port = {link}; }};
nickserv {{ nick = "NickServ"; user = "NickServ"; host = "services.test"; real = "NickServ"; }};
saslserv {{ nick = "SaslServ"; user = "SaslServ"; host = "services.test"; real = "SaslServ"; }};
"""


def start_irc(processes: Processes, port: int | None = None, burst: int = BURST) -> IrcAddress:
    """Where it is, with everybody of PASSWORDS registered. `port`: where it was before; its certificate stays."""
    for program in (_IRCD, _SERVICES):
        if not program.exists():
            raise ServerError(
                f"there is no {program.name}: run `python tests/servers.py --install`"
                " or `apt-get install inspircd atheme-services`"
            )
    folder, link = processes.folder, free_port()
    (folder / "link").write_text(str(link))
    address = _prepare(folder, port or free_port(), link, burst)
    wrap = as_ordinary_user(folder)  # both refuse to run as root
    _until_open(processes.start([*wrap, *_ircd(folder)], end=signal.SIGKILL), link)
    _until_open(processes.start([*wrap, *_services(folder)], end=signal.SIGKILL), address.port)
    _register(address)
    return address


class OwnIrc:
    """A server of one test's own, that it may kill and start again on the same port with the same certificate.

    `burst`: so many commands at once end a connection. A second server may be linked to it, `far.test`.
    """

    def __init__(self, folder: Path, burst: int = BURST) -> None:
        self._processes = Processes(folder)
        self._far: Process | None = None
        self._burst = burst
        self.port = free_port()

    def start(self) -> IrcAddress:
        return start_irc(self._processes, self.port, self._burst)

    def start_alone(self) -> IrcAddress:
        """Without services, in a moment: nobody has an account."""
        folder = self._processes.folder
        address = _prepare(folder, self.port, free_port(), self._burst)
        wrap = as_ordinary_user(folder)
        _until_open(self._processes.start([*wrap, *_ircd(folder)], end=signal.SIGKILL), self.port)
        return address

    def kill(self) -> None:
        self._processes.end()

    def send(self, number: int) -> None:
        """A signal to its processes, such as SIGSTOP: then it is silent."""
        self._processes.send(number)

    def start_far(self) -> IrcAddress:
        """The address of the second server, which is linked within a second or two."""
        near = self._processes.folder
        folder = near / "far"
        folder.mkdir()
        for name in ("ca.pem", "server.pem", "server.key"):
            shutil.copy(near / name, folder / name)
        address = IrcAddress("127.0.0.1", free_port(), near / "ca.pem")
        link = _LINK.format(name="irc.test", port=(near / "link").read_text())
        links = f'{link}\n<autoconnect period="1s" server="irc.test">'
        _write_ircd(folder, name="far.test", links=links, port=address.port, link=free_port(), burst=self._burst)
        self._far = self._processes.start([*as_ordinary_user(folder), *_ircd(folder)], end=signal.SIGKILL)
        _until_open(self._far, address.port)
        return address

    def kill_far(self) -> None:
        """A netsplit."""
        assert self._far is not None
        self._far.kill()


def _prepare(folder: Path, port: int, link: int, burst: int) -> IrcAddress:
    address = IrcAddress("127.0.0.1", port, folder / "ca.pem")
    if not address.ca.exists():
        _make_certificates(folder)
    _write_settings(folder, port, link, burst)
    return address


def _write_settings(folder: Path, port: int, link: int, burst: int) -> None:
    links = "\n".join(_LINK.format(name=name, port=link) for name in ("services.test", "far.test"))
    _write_ircd(folder, name="irc.test", links=links, port=port, link=link, burst=burst)
    modules = "\n".join(f'loadmodule "modules/{name}";' for name in _SERVICES_MODULES)
    (folder / "services.conf").write_text(_SERVICES_SETTINGS.format(modules=modules, link=link))


def _write_ircd(folder: Path, **settings: str | int) -> None:
    modules = "\n".join(f'<module name="{name}">' for name in _MODULES)
    (folder / "ircd.conf").write_text(_IRCD_SETTINGS.format(folder=folder, modules=modules, **settings))


def _ircd(folder: Path) -> list[str]:
    """A copy is run: Debian's AppArmor profile lets the program at its own path read nothing but /etc/inspircd."""
    program = folder / "inspircd"
    shutil.copy(_IRCD, program)
    return [str(program), "--nofork", "--config", str(folder / "ircd.conf")]


def _services(folder: Path) -> list[str]:
    files = {"-c": "services.conf", "-l": "services.log", "-p": "services.pid", "-D": ""}
    return [str(_SERVICES), "-n", *(word for flag, name in files.items() for word in (flag, str(folder / name)))]


def _until_open(server: Process, port: int) -> None:
    def answers() -> bool:
        if server.poll() is not None:
            raise ServerError(f"the server ended with exit code {server.returncode}")
        return is_open(port)

    until_true(answers, f"nothing listens on port {port}")


def _register(address: IrcAddress) -> None:
    """One connection for all: the server lets people in once a second."""
    with IrcUser(address, "newcomer", channel=None) as user:
        user.send("MONITOR + NickServ")
        user.until(lambda line: line.command == "730", 30)  # it is there, or came
        for account, password in PASSWORDS.items():
            user.send(f"NICK {account}")
            user.say("NickServ", f"REGISTER {password} {account}@irc.test")
            user.hears("NickServ", "is now registered", 30)
            user.say("NickServ", "LOGOUT")
            user.until(lambda line: line.command == "901", 30)


def make_certificate(name: str, path: Path) -> str:
    """A certificate with its key that nobody has signed but itself; its fingerprint, as InspIRCd tells it."""
    key = ec.generate_private_key(ec.SECP256R1())
    made = _certificate(name, key.public_key(), key, x509.SubjectAlternativeName([x509.DNSName(name)]))
    pem = serialization.Encoding.PEM
    kind, secrecy = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(made.public_bytes(pem) + key.private_bytes(pem, kind, secrecy))
    return made.fingerprint(hashes.SHA256()).hex()


def _make_certificates(folder: Path) -> None:
    """An authority of this folder's own, ca.pem, and what it signed: server.pem with server.key."""
    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    root = _certificate("Tests", authority.public_key(), authority, x509.BasicConstraints(ca=True, path_length=0))
    own = _certificate("irc.test", key.public_key(), authority, x509.SubjectAlternativeName(names))
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(root.public_bytes(pem))
    (folder / "server.pem").write_bytes(own.public_bytes(pem))
    kind, secrecy = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "server.key").write_bytes(key.private_bytes(pem, kind, secrecy))


def _certificate(
    name: str, key: ec.EllipticCurvePublicKey, signer: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Tests")]))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(_use(authority=isinstance(extension, x509.BasicConstraints)), critical=True)
        .sign(signer, hashes.SHA256())
    )


def _use(authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority, key_cert_sign=authority, crl_sign=authority, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
