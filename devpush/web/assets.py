"""Static files under addresses that change with their content: in memory from the start, compressed once."""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from quart import Blueprint, Response, current_app, request

from devpush.errors import NotFound

FOLDER = Path(__file__).resolve().parent.parent / "static"
SOURCES = frozenset({"src", "node_modules"})
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
PACKED = frozenset({".css", ".js", ".svg", ".txt", ".json"})
FOR_GOOD = "public, max-age=31536000, immutable"

bp = Blueprint("assets", __name__)


@dataclass(frozen=True, slots=True)
class Asset:
    body: bytes
    packed: bytes | None
    type: str
    version: str


class Assets:
    """Every file of static/ that browsers ask for."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._all = {
            path.relative_to(folder).as_posix(): _read(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.suffix != ".md" and not SOURCES & set(path.relative_to(folder).parts)
        }
        self._urls = {name: f"/static/{name}?v={asset.version}" for name, asset in self._all.items()}

    def url(self, name: str) -> str:
        """The address of the file as it is now; what isn't there keeps its plain name, and answers 404."""
        return self._urls.get(name, f"/static/{name}")

    def find(self, name: str) -> Asset | None:
        return self._all.get(name)


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
    body = asset.body
    if asset.packed and "gzip" in request.headers.get("Accept-Encoding", ""):
        body, headers["Content-Encoding"] = asset.packed, "gzip"
    return Response(body, headers=headers, content_type=asset.type)


def _read(path: Path) -> Asset:
    body = path.read_bytes()
    packed = gzip.compress(body, 9, mtime=0) if path.suffix in PACKED and len(body) > 500 else None
    return Asset(
        body=body,
        packed=packed,
        type=TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream",
        version=hashlib.sha256(body).hexdigest()[:12],
    )
