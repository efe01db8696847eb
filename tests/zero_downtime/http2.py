"""One HTTP/2 connection without TLS (RFC 9113, prior knowledge): requests one after the other, bodies of any length."""

import asyncio
from types import TracebackType
from typing import Self

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, Event, ResponseReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError


class Http2Failed(Exception):
    """The connection or a stream ended before the answer did."""


class Http2:
    """Open while inside `async with`."""

    def __init__(self, port: int, host: str) -> None:
        self.port, self.host = port, host
        self.state = H2Connection(H2Configuration(header_encoding="utf-8"))
        self.goes_away = False
        """The other side takes nothing new on this connection: another one is to be made."""

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.state.initiate_connection()
        await self._flush()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.writer.close()

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """The status and the answer's body. Raises Http2Failed, or what sockets raise."""
        stream = self.state.get_next_available_stream_id()
        headers = [(":method", method), (":path", path), (":scheme", "http"), (":authority", self.host)]
        if body:
            headers.append(("content-length", str(len(body))))
        self.state.send_headers(stream, headers, end_stream=not body)
        status, answer, left, ended = 0, bytearray(), memoryview(body), False
        while not ended:
            left = self._send(stream, left)
            await self._flush()
            for event in await self._events():
                if isinstance(event, ResponseReceived) and event.stream_id == stream:
                    status = next(int(value) for name, value in event.headers if name in (":status", b":status"))
                elif isinstance(event, DataReceived) and event.stream_id == stream:
                    answer += event.data or b""
                    self.state.acknowledge_received_data(event.flow_controlled_length or 0, stream)
                elif isinstance(event, StreamEnded) and event.stream_id == stream:
                    ended = True
                elif isinstance(event, StreamReset) and event.stream_id == stream:
                    raise Http2Failed(f"The stream was reset: {event.error_code}")
                elif isinstance(event, ConnectionTerminated):
                    self.goes_away = True
        await self._flush()
        return status, bytes(answer)

    def _send(self, stream: int, left: memoryview) -> memoryview:
        """As much of the body as the other side takes now; what is left."""
        while left:
            room = min(self.state.local_flow_control_window(stream), self.state.max_outbound_frame_size, len(left))
            if room <= 0:
                break
            self.state.send_data(stream, bytes(left[:room]), end_stream=room == len(left))
            left = left[room:]
        return left

    async def _events(self) -> list[Event]:
        data = await self.reader.read(65536)
        if not data:
            raise Http2Failed("The connection was closed.")
        try:
            return self.state.receive_data(data)
        except ProtocolError as problem:
            raise Http2Failed(str(problem)) from problem

    async def _flush(self) -> None:
        if data := self.state.data_to_send():
            self.writer.write(data)
            await self.writer.drain()
