"""A gateway whose answers begin late: AWS's head comes at once, the first event only after the gateway's sign of life.

A relay stands on each side of the gateway. Both know a request by its tag, a word of its prompt: the one before AWS holds an
answer after its head, until the one before the client has handed on a sign of life for that tag. So a client that hears a whole
answer has read a stream that begins with what the gateway sends after 15 s of silence, and nobody waits longer than that.
"""

import re
import socket
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from server import Server, clean_environment

# What a test puts into its prompt.
TAG = re.compile(rb"late-[a-z-]+-end")
# A comment in OpenAI's dialects, an event in Anthropic's.
SIGNS = re.compile(rb": keep-alive\n\n|event: ping\n")
# An answer whose sign of life has not come by then is cut, and its test fails; it is due after 15.
PATIENCE_SECONDS = 60
# More than what can be cut in two of a tag or a sign.
TAIL = 100
KEYS = {"AWS_ACCESS_KEY_ID": "late", "AWS_SECRET_ACCESS_KEY": "late", "AWS_REGION": "us-east-1"}


@contextmanager
def gateway(binary: str, folder: Path) -> Iterator[str]:
    """Runs an emulator and a gateway before it; where clients reach the latter."""
    environment = clean_environment(folder) | KEYS
    emulator = Server(binary, ["emulate"], folder / "emulator", environment)
    servers = [emulator]
    try:
        emulator.wait_until(lambda: "# profile" in emulator.out(), "it printed its profiles")
        signs = defaultdict(threading.Event)
        runtime = listen(emulator.address, signs, hold)
        there = {"AWS_ENDPOINT_URL_BEDROCK": emulator.url, "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": f"http://{runtime}"}
        servers.append(Server(binary, ["serve"], folder / "gateway", environment | there))
        servers[1].wait_until(lambda: "gateway on" in servers[1].out(), "it said where it is")
        yield f"http://{listen(servers[1].address, signs, watch)}"
    finally:
        for server in servers:
            server.kill()


class Connection:
    """One that is relayed, and the tag of its latest request."""

    def __init__(self, client: socket.socket, address: str) -> None:
        host, port = address.split(":")
        self.client, self.server = client, socket.create_connection((host, int(port)))
        self.tag: bytes | None = None
        # The answer to that request has not begun.
        self.fresh = False

    def requests(self) -> None:
        tail = b""
        for piece in pieces(self.client):
            tail = tail[-TAIL:] + piece
            if found := TAG.search(tail):
                self.tag, self.fresh, tail = found[0], True, b""
            self.server.sendall(piece)


def listen(address: str, signs: dict, answers) -> str:
    """Relays connections to `address` for as long as the process lives; where it listens."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            connection = Connection(listener.accept()[0], address)
            run(connection.requests, connection)
            run(lambda connection=connection: answers(connection, signs), connection)

    threading.Thread(target=accept, daemon=True).start()
    return "127.0.0.1:{}".format(listener.getsockname()[1])


def run(work, connection: Connection) -> None:
    """Both directions end when one does."""

    def until_closed() -> None:
        try:
            work()
        except OSError:
            pass
        for end in (connection.client, connection.server):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    threading.Thread(target=until_closed, daemon=True).start()


def hold(connection: Connection, signs: dict) -> None:
    """Hands answers on, each only up to the end of its head until a sign of life was seen."""
    for piece in pieces(connection.server):
        if connection.fresh:
            head, end, rest = piece.partition(b"\r\n\r\n")
            connection.client.sendall(head + end)
            if not signs[connection.tag].wait(PATIENCE_SECONDS):
                return
            connection.fresh, piece = False, rest
        connection.client.sendall(piece)


def watch(connection: Connection, signs: dict) -> None:
    """Hands answers on, and tells of signs of life in them."""
    tail = b""
    for piece in pieces(connection.server):
        connection.client.sendall(piece)
        tail = tail[-TAIL:] + piece
        if connection.tag and SIGNS.search(tail):
            signs[connection.tag].set()


def pieces(end: socket.socket) -> Iterator[bytes]:
    return iter(lambda: end.recv(65536), b"")
