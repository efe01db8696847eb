"""Serves the page that was built, and fills in which version is live."""

import os
import time
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PAGE = Path("index.html").read_text()
ICON = Path("icon.svg").read_bytes()


def variable(name: str) -> str:
    return os.environ.get(f"DEVPUSH_{name}", "")


def page() -> str:
    message = variable("GIT_COMMIT_MESSAGE").partition("\n")[0]
    facts = {
        "Commit": variable("GIT_COMMIT_SHA")[:7],
        "Branch": variable("GIT_REF").removeprefix("refs/heads/"),
        "Author": variable("GIT_COMMIT_AUTHOR"),
        "Environment": variable("ENVIRONMENT"),
        "Deployment": variable("DEPLOYMENT_ID")[:7],
    }
    rows = (f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>" for name, value in facts.items() if value)
    said = f"This is <q>{escape(message)}</q>. " if message else ""
    return PAGE.replace("<!-- message -->", said).replace("<!-- facts -->", "\n      ".join(rows))


class App(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 300  # longer than the proxy in front keeps an idle connection

    def do_GET(self) -> None:
        began = time.perf_counter()
        status, kind, body = self.answer(self.path.partition("?")[0])
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        print(f"{self.command} {self.path} {status} {(time.perf_counter() - began) * 1000:.1f} ms")

    def answer(self, path: str) -> tuple[int, str, bytes]:
        if path == "/":
            return 200, "text/html; charset=utf-8", page().encode()
        if path == "/health":
            return 200, "application/json", b'{"status": "ok"}'
        if path == "/icon.svg":
            return 200, "image/svg+xml", ICON
        return 404, "text/plain; charset=utf-8", b"There is no such page.\n"

    def log_message(self, format: str, *arguments: object) -> None:
        """One line a request is enough, and do_GET says it."""


ThreadingHTTPServer(("", int(os.environ.get("PORT", "8000"))), App).serve_forever()
