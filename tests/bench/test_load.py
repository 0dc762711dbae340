"""What asks the servers knows when an answer is whole, however it arrives."""

import socket

import pytest

from bench.load import Connection


def _arriving(*pieces: bytes, status: bytes = b"200") -> list[bool]:
    """Whether the answer was whole after each piece."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        connection = Connection(listening.getsockname()[1])
        peer, _ = listening.accept()
        with peer, connection.socket:
            found = []
            for piece in pieces:
                peer.sendall(piece)
                found.append(connection.read(status))
    return found


def test_an_answer_of_known_length_is_whole_with_its_last_byte() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"

    assert _arriving(head + b"hel", b"lo", head + b"hello") == [False, True, True]


def test_an_answer_in_chunks_is_whole_with_the_empty_one() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

    assert _arriving(head, b"5\r\nhello\r\n0\r", b"\n\r\n") == [False, False, True]


def test_a_304_has_no_body() -> None:
    answer = b"HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n"

    assert _arriving(answer, status=b"304") == [True]


def test_another_status_ends_the_measurement() -> None:
    with pytest.raises(SystemExit, match="not the answer expected"):
        _arriving(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
