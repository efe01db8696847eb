"""The app that is asked: it answers fast or slowly, takes bodies, and speaks WebSocket and event streams."""

SOURCE = '''
import base64, hashlib, json, struct, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERSION = "{version}"
{before}
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
seen, lock = {{}}, threading.Lock()

class App(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/events":
            self.events()
        elif self.path == "/socket":
            self.socket()
        else:
            if self.path.startswith("/slow"):
                time.sleep(5)
            self.answer(dict(version=VERSION))

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with lock:
            times = seen[self.path] = seen.get(self.path, 0) + 1
        if self.path.endswith("00"):
            sys.stdout.write("took " + self.path + chr(10))
            sys.stdout.flush()
        self.answer(dict(version=VERSION, sum=hashlib.sha256(body).hexdigest(), times=times))

    def answer(self, said):
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def events(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        number = 0
        try:
            while True:
                number += 1
                self.wfile.write(b"data: %d\\n\\n" % number)
                time.sleep(0.2)
        except OSError:
            self.close_connection = True

    def socket(self):
        """Says again whatever it is told: short texts, masked, in one frame each (RFC 6455)."""
        accept = base64.b64encode(hashlib.sha1((self.headers["Sec-WebSocket-Key"] + GUID).encode()).digest())
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", accept.decode())
        self.end_headers()
        self.close_connection = True
        try:
            while head := self.rfile.read(2):
                mask, length = self.rfile.read(4), head[1] & 127
                text = bytes(byte ^ mask[at % 4] for at, byte in enumerate(self.rfile.read(length)))
                self.wfile.write(bytes([head[0], length]) + text)
                if head[0] & 15 == 8:
                    return
        except OSError:
            pass

    def log_message(self, *args):
        pass

class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

Server(("", 8000), App).serve_forever()
'''


def site(version: str, *, before: str = "") -> dict[str, str | bytes]:
    """Its files; `before` is code that runs before it listens."""
    return {"main.py": SOURCE.format(version=version, before=before)}
