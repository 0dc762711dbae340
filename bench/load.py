"""Asks a server as fast as it answers, from a process of its own: only sockets and a selector.

``python bench/load.py PORT CONNECTIONS SECONDS STATUS < requests.json``: every kept connection
asks, reads the whole answer and asks the next request of the list; after SECONDS the answers that
are under way are awaited. Prints how many answers there were in how many seconds, and for how many
seconds this process was at work: where that is nearly all of them, asking was the limit.
"""

import json
import os
import selectors
import socket
import sys
import time
from itertools import cycle

BUFFER = bytearray(1 << 21)
VIEW = memoryview(BUFFER)
HEAD = b"\r\n\r\n"
LENGTH = b"content-length:"
CHUNKED = b"transfer-encoding: chunked"
LAST_CHUNK = b"\r\n0\r\n\r\n"
NOT_MODIFIED = b"304"


class Connection:
    """``missing``: bytes of the present answer that are still to come. Of an answer in chunks,
    ``tail`` has the last ones that came; it is whole with a chunk of nothing."""

    __slots__ = ("missing", "socket", "tail")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.missing = 0
        self.tail: bytes | None = None

    def read(self, status: bytes) -> bool:
        """Reads what is there; whether the answer is whole now."""
        size = self.socket.recv_into(BUFFER)
        if size == 0:
            raise SystemExit("the server closed a connection")
        if self.tail is not None:
            return self._ends(size)
        if self.missing == 0:
            end = BUFFER.find(HEAD, 0, size)
            if end < 0 or BUFFER[9:12] != status:
                raise SystemExit(f"not the answer expected: {bytes(BUFFER[: min(size, 300)])!r}")
            head = bytes(VIEW[:end]).lower()
            if CHUNKED in head:
                self.tail = b""
                return self._ends(size)
            place = head.find(LENGTH)
            is_empty = place < 0 or status == NOT_MODIFIED
            body = 0 if is_empty else int(head[place + len(LENGTH) :].split(b"\r\n", 1)[0])
            self.missing = end + len(HEAD) + body
        self.missing -= size
        return self.missing == 0

    def _ends(self, size: int) -> bool:
        last = (self.tail or b"") + bytes(VIEW[max(0, size - len(LAST_CHUNK)) : size])
        if last.endswith(LAST_CHUNK):
            self.tail = None
            return True
        self.tail = last[-len(LAST_CHUNK) :]
        return False


def ask(
    port: int, connections: int, seconds: float, status: bytes, requests: list[bytes]
) -> tuple[int, float, float]:
    """Answers, seconds until the last of them, seconds of the processor."""
    following = cycle(requests)
    selector = selectors.DefaultSelector()
    opened = [Connection(port) for _ in range(connections)]
    for connection in opened:
        selector.register(connection.socket, selectors.EVENT_READ, connection)
    answers, used, begun = 0, time.process_time(), time.perf_counter()
    for connection in opened:
        connection.socket.sendall(next(following))
    now, waiting = begun, connections
    while waiting:
        ready = selector.select(60)
        if not ready:
            raise SystemExit("no answer within a minute")
        for key, _ in ready:
            connection = key.data
            if connection.read(status):
                answers += 1
                if now < begun + seconds:
                    connection.socket.sendall(next(following))
                else:
                    waiting -= 1
        now = time.perf_counter()
    return answers, now - begun, time.process_time() - used


def main() -> None:
    port, connections = int(sys.argv[1]), int(sys.argv[2])
    requests = [text.encode() for text in json.load(sys.stdin)]
    found = ask(port, connections, float(sys.argv[3]), sys.argv[4].encode(), requests)
    print(json.dumps(dict(zip(("answers", "seconds", "processor"), found, strict=True))))
    sys.stdout.flush()
    os._exit(0)  # the connections need no farewell


if __name__ == "__main__":
    main()
