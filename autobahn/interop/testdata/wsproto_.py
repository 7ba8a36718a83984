"""A peer on wsproto, which leaves the sockets to its user."""
import socket
import ssl
import threading
from urllib.parse import urlsplit

from peer import command, pieces, run_threads, say
from wsproto import ConnectionType, WSConnection
from wsproto.events import (AcceptConnection, BytesMessage, CloseConnection, Message, Ping, Pong, RejectConnection,
                            Request, TextMessage)
from wsproto.extensions import PerMessageDeflate

NAMES = {"server_bits": "server_max_window_bits", "client_bits": "client_max_window_bits",
         "server_alone": "server_no_context_takeover", "client_alone": "client_no_context_takeover"}


def extensions(o):
    return [PerMessageDeflate(**{NAMES[k]: v for k, v in o.items() if k in NAMES})] if "deflate" in o else []


class Frames:
    """What a peer says to the frames of wsproto, wherever they travel. Whoever
    inherits it has ws, which is wsproto's connection, and send."""

    def __init__(self):
        self.parts, self.fragments, self.over = [], False, False

    def frame(self, event):
        if isinstance(event, Ping):
            self.send(event.response())
        elif isinstance(event, Pong):
            self.send(TextMessage("pong " + bytes(event.payload).decode()))
        elif isinstance(event, CloseConnection):
            if self.ws.state.name == "REMOTE_CLOSING":
                self.send(event.response())
            say("closed", event.code, event.reason or "")
            self.over = True
        elif isinstance(event, Message):
            self.parts.append(event.data)
            if event.message_finished:
                whole = ("" if isinstance(event, TextMessage) else b"").join(self.parts)
                self.parts = []
                self.message(whole)

    def message(self, m):
        name, arg, code = command(m)
        if name == "fragments":
            self.fragments = True
        elif name == "ping":
            self.send(Ping(arg.encode()))
        elif name == "close":
            self.send(CloseConnection(code, arg))
        else:
            kind = TextMessage if isinstance(m, str) else BytesMessage
            parts = pieces(m) if self.fragments else [m]
            self.fragments = False
            for i, part in enumerate(parts):
                self.send(kind(part, message_finished=i == len(parts) - 1))


class Talk(Frames):
    def __init__(self, sock, role, o):
        super().__init__()
        self.sock, self.ws, self.extensions = sock, WSConnection(role), extensions(o)

    def send(self, event):
        self.sock.sendall(self.ws.send(event))

    def run(self):
        try:
            while not self.over:
                data = self.sock.recv(1 << 16)
                self.ws.receive_data(data or None)
                for event in self.ws.events():
                    self.handle(event)
            self.sock.shutdown(socket.SHUT_WR)
            while self.sock.recv(1 << 16):  # the server ends TCP first (RFC 6455 section 7.1.1)
                pass
        except Exception as e:
            if not self.over:
                say("failed", repr(e))
        self.sock.close()

    def handle(self, event):
        if isinstance(event, Request):
            self.send(AcceptConnection(subprotocol="chat", extensions=self.extensions))
            say("open", "chat")
        elif isinstance(event, AcceptConnection):
            say("open", event.subprotocol)
        elif isinstance(event, RejectConnection):
            say("failed", event.status_code)
            self.over = True
        else:
            self.frame(event)


def serve(o):
    listener = socket.create_server(("127.0.0.1", 0))
    say("listening", listener.getsockname()[1])
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=Talk(sock, ConnectionType.SERVER, o).run, daemon=True).start()


def connect(url, o):
    u = urlsplit(url)
    sock = socket.create_connection((u.hostname, u.port))
    if u.scheme == "wss":
        sock = ssl.create_default_context().wrap_socket(sock, server_hostname=u.hostname)
    t = Talk(sock, ConnectionType.CLIENT, o)
    t.send(Request(host=u.netloc, target=u.path or "/", subprotocols=["chat"], extensions=t.extensions))
    t.run()


if __name__ == "__main__":
    run_threads(serve, connect)
