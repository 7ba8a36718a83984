"""A peer on h2, for WebSockets over HTTP/2 (RFC 8441): h2 makes the streams,
wsproto the frames on them, and this the two's connection. One socket on each
connection."""
import socket
import ssl
import threading
from urllib.parse import urlsplit

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RemoteSettingsChanged, RequestReceived, ResponseReceived, StreamEnded, StreamReset
from h2.settings import SettingCodes, Settings
from peer import run_threads, say
from wsproto.connection import Connection, ConnectionType
from wsproto_ import Frames, extensions


class Talk(Frames):
    def __init__(self, sock, client, o):
        super().__init__()
        self.sock, self.client, self.o = sock, client, o
        self.h2 = H2Connection(H2Configuration(client_side=client, header_encoding="utf-8"))
        self.stream, self.ws, self.out = None, None, bytearray()
        self.ended, self.left = False, False  # END_STREAM in, and out

    def run(self, url=None):
        try:
            self.begin(url)
            while not (self.over and self.ended):
                self.flush()
                data = self.sock.recv(1 << 16)
                if not data:
                    break
                for event in self.h2.receive_data(data):
                    self.http(event, url)
            self.flush()
        except Exception as e:
            if not self.over:
                say("failed", repr(e).replace("\n", " "))
        self.sock.close()

    def begin(self, url):
        if not self.client:  # in the first SETTINGS: after a 1 there may be no 0 (RFC 8441 section 3)
            self.h2.local_settings = Settings(client=False, initial_values={SettingCodes.ENABLE_CONNECT_PROTOCOL: 1})
        self.h2.initiate_connection()

    def flush(self):
        """Sends as much as the peer's windows allow."""
        while self.out:
            n = min(len(self.out), self.h2.local_flow_control_window(self.stream), self.h2.max_outbound_frame_size)
            if n <= 0:
                break
            self.h2.send_data(self.stream, bytes(self.out[:n]))
            del self.out[:n]
        if self.over and not self.out and not self.left:
            self.h2.end_stream(self.stream)
            self.left = True
        if data := self.h2.data_to_send():
            self.sock.sendall(data)

    def http(self, event, url):
        if isinstance(event, RemoteSettingsChanged) and self.client and self.stream is None:
            if SettingCodes.ENABLE_CONNECT_PROTOCOL not in event.changed_settings:
                raise ValueError("the server has not announced SETTINGS_ENABLE_CONNECT_PROTOCOL")
            self.request(url)
        elif isinstance(event, ResponseReceived):
            self.response(dict(event.headers))
        elif isinstance(event, RequestReceived):
            self.stream = event.stream_id
            self.accept(dict(event.headers))
        elif isinstance(event, DataReceived):
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            if event.stream_id == self.stream and not self.over:
                self.ws.receive_data(event.data)
                for frame in self.ws.events():
                    self.frame(frame)
        elif isinstance(event, StreamReset):
            if not self.over:
                raise ValueError("the stream was reset: %s" % event.error_code)
            self.ended = self.left = True
        elif isinstance(event, StreamEnded):
            self.ended = True

    def request(self, url):
        u = urlsplit(url)
        self.stream = self.h2.get_next_available_stream_id()
        headers = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", {"ws": "http", "wss": "https"}[u.scheme]),
                   (":path", u.path or "/"), (":authority", u.netloc),
                   ("sec-websocket-version", "13"), ("sec-websocket-protocol", "chat")]
        self.extensions = extensions(self.o)
        for e in self.extensions:
            params = e.offer()
            headers.append(("sec-websocket-extensions", e.name + ("; " + params if isinstance(params, str) and params else "")))
        self.h2.send_headers(self.stream, headers)

    def response(self, headers):
        if headers[":status"] != "200":
            raise ValueError("status " + headers[":status"])
        answer = headers.get("sec-websocket-extensions")
        if answer:
            self.extensions[0].finalize(answer)
        self.open(headers.get("sec-websocket-protocol"), self.extensions if answer else [])

    def accept(self, headers):
        response = [(":status", "200"), ("sec-websocket-protocol", "chat")]
        agreed = []
        for e in extensions(self.o) if "sec-websocket-extensions" in headers else []:
            params = e.accept(headers["sec-websocket-extensions"].split(",")[0])  # the offer that is preferred
            if params is not None and params is not False:
                agreed.append(e)
                response.append(("sec-websocket-extensions", e.name + ("; " + params if isinstance(params, str) and params else "")))
        self.h2.send_headers(self.stream, response)
        self.open("chat", agreed)

    def open(self, subprotocol, agreed):
        self.ws = Connection(ConnectionType.CLIENT if self.client else ConnectionType.SERVER, agreed)
        say("open", subprotocol)

    def send(self, event):
        self.out += self.ws.send(event)


def serve(o):
    listener = socket.create_server(("127.0.0.1", 0))
    say("listening", listener.getsockname()[1])
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=Talk(sock, False, o).run, daemon=True).start()


def connect(url, o):
    u = urlsplit(url)
    sock = socket.create_connection((u.hostname, u.port))
    if u.scheme == "wss":
        context = ssl.create_default_context()
        context.set_alpn_protocols(["h2"])
        sock = context.wrap_socket(sock, server_hostname=u.hostname)
    Talk(sock, True, o).run(url)


run_threads(serve, connect)
