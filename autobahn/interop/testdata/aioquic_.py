"""A peer on aioquic, for WebSockets over HTTP/3 (RFC 9220): aioquic makes the
streams, wsproto the frames on them. One socket on each connection of a client,
any number on those of the server."""
import asyncio
import os
from urllib.parse import urlsplit

from aioquic.asyncio import QuicConnectionProtocol, connect, serve
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, ProtocolNegotiated, StreamReset
from peer import arun, say
from wsproto.connection import Connection, ConnectionType
from wsproto_ import Frames, extensions


class Socket(Frames):
    """One stream."""

    def __init__(self, http, stream, transmit, o):
        super().__init__()
        self.http, self.stream, self.transmit, self.o = http, stream, transmit, o
        self.ws, self.left, self.ended = None, False, asyncio.Event()

    def send(self, event):
        self.http.send_data(self.stream, self.ws.send(event), False)

    def begin(self, kind, agreed):
        self.ws = Connection(kind, agreed)
        say("open", "chat")

    def data(self, data, fin):
        if self.ws and data and not self.over:
            self.ws.receive_data(data)
            for event in self.ws.events():
                self.frame(event)
        if self.over and not self.left:
            self.left = True
            self.http.send_data(self.stream, b"", True)
        if fin:
            if not self.over:
                say("failed", "the stream ended without a Close frame")
            self.ended.set()


class Protocol(QuicConnectionProtocol):
    """One connection."""

    def __init__(self, *args, o=None, **kwargs):
        super().__init__(*args, **kwargs)
        self.o, self.http, self.sockets = o, None, {}

    def quic_event_received(self, event):
        if isinstance(event, ProtocolNegotiated):
            self.http = self.http or H3Connection(self._quic)
        elif isinstance(event, ConnectionTerminated):
            for s in self.sockets.values():
                s.ended.set()
        elif isinstance(event, StreamReset) and event.stream_id in self.sockets:
            say("failed", "the stream was reset with %#x" % event.error_code)
            self.sockets[event.stream_id].ended.set()
        if self.http:
            for e in self.http.handle_event(event):
                self.http_event(e)
        self.transmit()

    def http_event(self, event):
        if isinstance(event, HeadersReceived):
            headers = {k.decode(): v.decode() for k, v in event.headers}
            if ":method" in headers:
                self.accept(event.stream_id, headers)
            elif ":status" in headers:
                self.response(self.sockets[event.stream_id], headers)
        if isinstance(event, DataReceived) and event.stream_id in self.sockets:
            self.sockets[event.stream_id].data(event.data, event.stream_ended)

    def accept(self, stream, headers):
        if headers.get(":protocol") != "websocket" or headers[":scheme"] != "https":
            raise ValueError("no WebSocket is asked for: %s" % headers)
        self.sockets[stream] = s = Socket(self.http, stream, self.transmit, self.o)
        answer = [(b":status", b"200"), (b"sec-websocket-protocol", b"chat")]
        agreed, offers = [], headers.get("sec-websocket-extensions", "")
        for e in extensions(self.o) if offers else []:
            params = e.accept(offers.split(",")[0])  # the offer that is preferred
            if params is not None and params is not False:
                agreed.append(e)
                answer.append((b"sec-websocket-extensions", self.value(e, params)))
        self.http.send_headers(stream, answer)
        s.begin(ConnectionType.SERVER, agreed)

    @staticmethod
    def value(extension, params):
        return (extension.name + ("; " + params if isinstance(params, str) and params else "")).encode()

    async def open(self, url):
        """Opens a socket, which has ended when this returns."""
        await self.wait_connected()
        self.http = self.http or H3Connection(self._quic)
        while self.http.received_settings is None:  # "Use extended CONNECT only after seeing value 1"
            await asyncio.sleep(0.01)
        if self.http.received_settings.get(0x8) != 1:
            raise ValueError("the server has not announced SETTINGS_ENABLE_CONNECT_PROTOCOL")
        u, stream = urlsplit(url), self._quic.get_next_available_stream_id()
        self.sockets[stream] = s = Socket(self.http, stream, self.transmit, self.o)
        s.offers = extensions(self.o)
        headers = [(b":method", b"CONNECT"), (b":protocol", b"websocket"), (b":scheme", b"https"),
                   (b":authority", u.netloc.encode()), (b":path", (u.path or "/").encode()),
                   (b"sec-websocket-version", b"13"), (b"sec-websocket-protocol", b"chat")]
        for e in s.offers:
            headers.append((b"sec-websocket-extensions", self.value(e, e.offer())))
        self.http.send_headers(stream, headers)
        self.transmit()
        await s.ended.wait()

    def response(self, s, headers):
        if headers[":status"] != "200":
            raise ValueError("refused: %s" % headers)
        agreed = headers.get("sec-websocket-extensions", "")
        for e in s.offers:
            if agreed:
                e.finalize(agreed)
        s.begin(ConnectionType.CLIENT, s.offers if agreed else [])


def configuration(client):
    return QuicConfiguration(is_client=client, alpn_protocols=H3_ALPN, max_data=1 << 26, max_stream_data=1 << 25)


async def do_serve(o):
    c = configuration(False)
    c.load_cert_chain(os.environ["CERTIFICATE"])
    server = await serve("127.0.0.1", 0, configuration=c, create_protocol=lambda *a, **k: Protocol(*a, o=o, **k))
    say("listening", server._transport.get_extra_info("sockname")[1])
    await asyncio.Event().wait()


async def do_connect(url, o):
    c, u = configuration(True), urlsplit(url)
    c.load_verify_locations(os.environ["SSL_CERT_FILE"])
    async with connect(u.hostname, u.port, configuration=c, create_protocol=lambda *a, **k: Protocol(*a, o=o, **k)) as p:
        await p.open(url)


asyncio.run(arun(do_serve, do_connect))
