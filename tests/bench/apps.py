"""The apps that are deployed: small ones, so that the platform's own share shows."""

from pathlib import Path

from devpush.settings import ROOT

MINIMAL = '''"""Answers with its version; keeps connections, takes bodies."""

import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERSION = {version!r}


class App(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        if self.path.startswith("/slow"):
            time.sleep(0.2)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = VERSION.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *args):
        pass


ThreadingHTTPServer.request_queue_size = 128
ThreadingHTTPServer(("", 8000), App).serve_forever()
'''
START = "python main.py"

DEPENDENCIES = (
    "flask", "gunicorn", "pandas", "numpy", "requests", "sqlalchemy", "pydantic", "click", "rich", "httpx", "pyyaml",
    "python-dotenv", "marshmallow", "markdown", "beautifulsoup4", "openpyxl", "tenacity", "cachetools", "orjson",
    "tabulate",
)  # fmt: skip
WITH_PANDAS = '''"""A Flask app that needs much to start."""

import pandas
from flask import Flask

app = Flask(__name__)
VERSION = {version!r}


@app.get("/")
def home() -> str:
    return VERSION + str(pandas.Series([1, 2]).sum())
'''
GUNICORN = "gunicorn -w 1 --threads 8 -b 0.0.0.0:8000 main:app"

CHATTY = '''"""Writes lines at a steady pace, each with the time of its writing."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class App(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


def write():
    due = time.time()
    while True:
        print(f"said at {{time.time():.6f}}", flush=True)
        due += {every}
        time.sleep(max(0, due - time.time()))


threading.Thread(target=write, daemon=True).start()
ThreadingHTTPServer(("", 8000), App).serve_forever()
'''


def minimal(version: str) -> dict[str, str | bytes]:
    """Without any dependency."""
    return {"main.py": MINIMAL.format(version=version)}


def with_pandas(version: str, *more: str) -> dict[str, str | bytes]:
    """A Flask app with twenty dependencies, and more."""
    return {
        "main.py": WITH_PANDAS.format(version=version),
        "requirements.txt": "\n".join([*DEPENDENCIES, *more]),
        "Procfile": f"web: {GUNICORN}",
    }


def chatty(every: float = 0.01) -> dict[str, str | bytes]:
    return {"main.py": CHATTY.format(every=every)}


def example(version: str) -> dict[str, str | bytes]:
    """The bundled Python example; its own files and one that makes each version another."""
    folder: Path = ROOT / "runners" / "python" / "example"
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {**{name: content for name, content in files.items() if "__pycache__" not in name}, "VERSION": version}
