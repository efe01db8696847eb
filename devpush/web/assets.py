"""Static files under addresses that change with their content: in memory from the start, compressed once."""

import gzip
import hashlib
import mimetypes
import re
from dataclasses import dataclass
from pathlib import Path

from quart import Blueprint, Response, current_app, request

from devpush.errors import NotFound

FOLDER = Path(__file__).resolve().parent.parent / "static"
PACKED_FOLDER = "packed"
NOT_SERVED = frozenset({"src", "node_modules", PACKED_FOLDER})
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
PACKED = frozenset({".css", ".js", ".svg", ".txt", ".json"})
BROTLI = re.compile(r"\bbr\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))")
FOR_GOOD = "public, max-age=31536000, immutable"

bp = Blueprint("assets", __name__)


@dataclass(frozen=True, slots=True)
class Asset:
    body: bytes
    packed: bytes | None
    """By gzip."""
    smallest: bytes | None
    """By Brotli, as the build made it (static/src/build.mjs)."""
    type: str
    version: str


class Assets:
    """Every file of static/ that browsers ask for."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self.all = {
            path.relative_to(folder).as_posix(): _read(path, folder / PACKED_FOLDER)
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.suffix != ".md" and not NOT_SERVED & set(path.relative_to(folder).parts)
        }
        self._urls = {name: f"/static/{name}?v={asset.version}" for name, asset in self.all.items()}

    def url(self, name: str) -> str:
        """The address of the file as it is now; what isn't there keeps its plain name, and answers 404."""
        return self._urls.get(name, f"/static/{name}")

    def find(self, name: str) -> Asset | None:
        return self.all.get(name)


@bp.get("/static/<path:name>")
async def file(name: str) -> Response:
    assets: Assets = current_app.extensions["assets"]
    asset = assets.find(name)
    if asset is None:
        raise NotFound
    lasting = request.args.get("v") == asset.version
    headers = {
        "ETag": f'"{asset.version}"',
        "Cache-Control": FOR_GOOD if lasting else "public, no-cache",
        "Vary": "Accept-Encoding",
    }
    if request.headers.get("If-None-Match", "").removeprefix("W/") == headers["ETag"]:
        return Response(b"", 304, headers)
    body, accepted = asset.body, request.headers.get("Accept-Encoding", "")
    if asset.smallest and BROTLI.search(accepted):
        body, headers["Content-Encoding"] = asset.smallest, "br"
    elif asset.packed and "gzip" in accepted:
        body, headers["Content-Encoding"] = asset.packed, "gzip"
    return Response(body, headers=headers, content_type=asset.type)


def _read(path: Path, packed_folder: Path) -> Asset:
    body = path.read_bytes()
    version = hashlib.sha256(body).hexdigest()[:12]
    smallest = packed_folder / f"{version}.br"
    packed = gzip.compress(body, 9, mtime=0) if path.suffix in PACKED and len(body) > 500 else None
    return Asset(
        body=body,
        packed=packed,
        smallest=smallest.read_bytes() if smallest.is_file() else None,
        type=TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream",
        version=version,
    )
