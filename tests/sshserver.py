"""A real OpenSSH server on this machine that gives repositories to whoever holds one of its keys."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from devpush.deploy.keys import new_key
from tests.conftest import free_port
from tests.gitserver import Origin

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"


@dataclass
class SshServer:
    """`folder` gets its keys and its list of those it knows; only reading is allowed to them."""

    folder: Path
    port: int = field(default_factory=free_port)

    def url(self, origin: Origin, host: str = "127.0.0.1") -> str:
        return f"ssh://{getpass.getuser()}@{host}:{self.port}{origin.path}"

    def let_in(self, *public_keys: str) -> None:
        """Add deploy keys to the repository, as somebody does on the server's page. No others are known then."""
        only = 'restrict,command="git-shell -c \\"$SSH_ORIGINAL_COMMAND\\""'
        (self.folder / "authorized_keys").write_text("".join(f"{only} {key}\n" for key in public_keys))

    @contextmanager
    def serving(self) -> Iterator["SshServer"]:
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # it wants this one, empty
        (self.folder / "authorized_keys").touch()
        (self.folder / "config").write_text(self._config(self._host_key()))
        log = (self.folder / "log").open("ab")
        with log, subprocess.Popen([SSHD, "-D", "-e", "-f", self.folder / "config"], stderr=log) as process:
            try:
                self._wait(process)
                yield self
            finally:
                process.terminate()

    def said(self) -> str:
        return (self.folder / "log").read_text()

    def _host_key(self) -> Path:
        """Another one each time it is started."""
        path = self.folder / "host_key"
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(new_key()[0])
        return path

    def _config(self, host_key: Path) -> str:
        return f"""\
ListenAddress 127.0.0.1
Port {self.port}
HostKey {host_key}
AuthorizedKeysFile {self.folder / "authorized_keys"}
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
AcceptEnv GIT_PROTOCOL
LogLevel VERBOSE
"""

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            assert process.poll() is None, self.said()
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.02)
        raise AssertionError(f"sshd doesn't answer:\n{self.said()}")
