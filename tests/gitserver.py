"""Git repositories to test with: made here, and served over https with a password where a test asks for one."""

import base64
import datetime
import ipaddress
import os
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAME = "git.example.test"
"""A name that no DNS knows: who asks for it by name has been told where it is."""
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Alice",
    "GIT_AUTHOR_EMAIL": "alice@example.com",
    "GIT_COMMITTER_NAME": "Alice",
    "GIT_COMMITTER_EMAIL": "alice@example.com",
}


@dataclass
class Origin:
    """Somebody's repository, bare, as a server has it."""

    path: Path

    @classmethod
    def make(cls, path: Path) -> "Origin":
        path.mkdir(parents=True)
        git("init", "--bare", "--quiet", "--initial-branch=main", str(path))
        git("-C", str(path), "config", "http.receivepack", "false")
        return cls(path)

    def git(self, *arguments: str, feed: bytes = b"") -> str:
        return git("--git-dir", str(self.path), *arguments, feed=feed)

    def blob(self, content: bytes) -> str:
        return self.git("hash-object", "-w", "--stdin", feed=content)

    def tree(self, listing: Mapping[str, tuple[str, str]]) -> str:
        """A tree of one level: name → (mode, object)."""
        kinds = {"040000": "tree", "160000": "commit"}
        lines = [f"{mode} {kinds.get(mode, 'blob')} {id}\t{name}" for name, (mode, id) in listing.items()]
        return self.git("mktree", "-z", "--missing", feed="".join(f"{line}\0" for line in lines).encode())

    def raw_tree(self, listing: list[tuple[str, bytes, str]]) -> str:
        """A tree that git itself would refuse to write: (mode, name, object)."""
        body = b"".join(f"{mode} ".encode() + name + b"\0" + bytes.fromhex(id) for mode, name, id in listing)
        return self.git("hash-object", "-t", "tree", "--literally", "-w", "--stdin", feed=body)

    def commit(self, files: Mapping[str, str | bytes], *, branch: str = "main", message: str = "Change it") -> str:
        """The branch's newest commit holds exactly these files; its sha."""
        return self.commit_tree(self._nested(files), branch=branch, message=message)

    def commit_tree(self, tree: str, *, branch: str = "main", message: str = "Change it") -> str:
        known = self.git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")
        parents = ["-p", known] if known else []
        sha = self.git("commit-tree", tree, *parents, feed=message.encode())
        self.git("update-ref", f"refs/heads/{branch}", sha)
        return sha

    def _nested(self, files: Mapping[str, str | bytes]) -> str:
        here: dict[str, tuple[str, str]] = {}
        folders: dict[str, dict[str, str | bytes]] = {}
        for path, content in files.items():
            name, _, rest = path.partition("/")
            if rest:
                folders.setdefault(name, {})[rest] = content
            else:
                here[name] = self._file(content)
        here |= {name: ("040000", self._nested(below)) for name, below in folders.items()}
        return self.tree(here)

    def _file(self, content: str | bytes) -> tuple[str, str]:
        """`-> target` is a link, `#!…` a program."""
        body = content.encode() if isinstance(content, str) else content
        if body.startswith(b"-> "):
            return "120000", self.blob(body[3:])
        return "100755" if body.startswith(b"#!") else "100644", self.blob(body)


def git(*arguments: str, feed: bytes = b"") -> str:
    done = subprocess.run(["git", *arguments], input=feed, capture_output=True, env=ENVIRONMENT, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


@dataclass
class GitServer:
    """Serves every repository below a folder at https://127.0.0.1:<port>/<name>."""

    root: Path
    ca: Path
    port: int = 0
    password: str = ""
    """Empty: open to all."""
    accepts: Callable[[str], bool] | None = None
    """Which passwords open it, instead of the one above."""
    redirect_to: str = ""
    redirect_from: str = ""
    """Only what begins so is redirected; empty: everything."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Path → text, for a server that has no git: nothing else is there then."""
    requests: list[str] = field(default_factory=list)
    credentials: set[str] = field(default_factory=set)
    slow: threading.Event | None = None
    """Holds every answer back until it is set."""

    def url(self, name: str, host: str = "127.0.0.1") -> str:
        return f"https://{host}:{self.port}/{name}"

    @contextmanager
    def serving(self) -> Iterator["GitServer"]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(_certificate(self.ca))
        server.socket = context.wrap_socket(server.socket, server_side=True)
        self.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()

    def opened_by(self, basic: str) -> bool:
        plain = base64.b64decode(basic).decode()
        self.credentials.add(plain)
        password = plain.partition(":")[2]
        return self.accepts(password) if self.accepts else not self.password or password == self.password


def _handler(served: GitServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            served.requests.append(self.path)
            if served.slow:
                served.slow.wait(30)
            elsewhere = served.redirect_to or served.redirect_from
            if elsewhere and self.path.startswith(served.redirect_from):
                self.reply(302, {"Location": elsewhere + self.path})
            elif not self.allowed():
                self.reply(401, {"WWW-Authenticate": 'Basic realm="git"'})
            elif served.files:
                text = served.files.get(self.path.partition("?")[0])
                self.reply(404 if text is None else 200, {}, (text or "").encode())
            else:
                self.reply(*_backend(served.root, self))

        do_POST = do_GET  # noqa: N815  # the name that the standard library looks for

        def allowed(self) -> bool:
            return served.opened_by(self.headers.get("Authorization", "").removeprefix("Basic "))

        def reply(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(OSError):  # whoever asked is gone
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Not to the terminal."""

    return Handler


def _backend(root: Path, asked: BaseHTTPRequestHandler) -> tuple[int, Mapping[str, str], bytes]:
    """What git itself answers: status, headers, body."""
    path, _, query = asked.path.partition("?")
    done = subprocess.run(
        ["git", "http-backend"],
        input=asked.rfile.read(int(asked.headers.get("Content-Length", 0))),
        capture_output=True,
        check=False,
        env={
            **ENVIRONMENT,
            "GIT_PROJECT_ROOT": str(root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": asked.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": asked.headers.get("Content-Encoding", ""),
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": asked.command,
            "CONTENT_TYPE": asked.headers.get("Content-Type", ""),
        },
    )
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
    return int(headers.pop("Status", "200").split()[0]), headers, body


def _certificate(path: Path) -> Path:
    """A certificate for 127.0.0.1 and NAME that vouches for itself, with its key behind it."""
    names = x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName(NAME)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([*names]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path
