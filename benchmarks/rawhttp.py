"""The smallest HTTP/1.1 client that measures a server and not itself."""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def request_bytes(method: str, path: str, body: bytes = b"", headers: Sequence[str] = ()) -> bytes:
    """A whole request with keep-alive, and with the headers (`name: value`)."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
    head += "".join(f"{line}\r\n" for line in headers)
    return head.encode() + b"Content-Type: application/json\r\n\r\n" + body


def measure_reply(data: bytes | bytearray) -> tuple[int, int, int] | None:
    """(status, length of the head, length of the body), or None while the head is not complete.

    Raises ValueError for a reply without Content-Length.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    length = _LENGTH.search(data, 0, end + 2)
    status = int(data[9:12])
    if length is None and status not in (204, 304):
        raise ValueError("a reply without Content-Length")
    return status, end + 4, int(length.group(1)) if length else 0


class Link:
    """One blocking keep-alive connection."""

    def __init__(self, port: int, timeout_s: float = 300.0) -> None:
        self._port, self._timeout_s = port, timeout_s
        self._socket = self._connected()

    def again(self) -> None:
        """Hang up and connect again."""
        self._socket.close()
        self._socket = self._connected()

    def send(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Send one request, wait for the whole reply: status and body."""
        self._socket.sendall(request_bytes(method, path, body))
        data = bytearray()
        while (size := measure_reply(data)) is None or len(data) < size[1] + size[2]:
            more = self._socket.recv(262_144)
            if not more:
                raise ConnectionError("the server closed the connection")
            data += more
        return size[0], bytes(data[size[1] :])

    def ok(self, method: str, path: str, body: bytes = b"") -> bytes:
        """Like `send`, but anything other than 2xx is a RuntimeError."""
        status, reply = self.send(method, path, body)
        if not 200 <= status < 300:
            raise RuntimeError(f"{method} {path}: {status} {reply[:300].decode(errors='replace')}")
        return reply

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _connected(self) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self._port), timeout=self._timeout_s)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made
