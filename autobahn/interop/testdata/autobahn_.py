"""A peer on autobahn-python, by its classes for asyncio."""
import asyncio
import ssl
from urllib.parse import urlsplit

from autobahn.asyncio.websocket import (WebSocketClientFactory, WebSocketClientProtocol, WebSocketServerFactory,
                                        WebSocketServerProtocol)
from autobahn.websocket.compress import (PerMessageDeflateOffer, PerMessageDeflateOfferAccept, PerMessageDeflateResponse,
                                         PerMessageDeflateResponseAccept)
from peer import MAX, PIECE, arun, command, say


class Talk:
    fragments = False

    def onOpen(self):
        say("open", self.websocket_protocol_in_use)

    def onMessage(self, payload, isBinary):
        name, arg, code = command(payload.decode() if not isBinary else None)
        if name == "fragments":
            self.fragments = True
        elif name == "ping":
            self.sendPing(arg.encode())
        elif name == "close":
            self.sendClose(code, arg)
        else:
            self.sendMessage(payload, isBinary, fragmentSize=PIECE if self.fragments else None)
            self.fragments = False

    def onPong(self, payload):
        self.sendMessage(b"pong " + payload)

    def onClose(self, wasClean, code, reason):
        say("closed", code, reason or "")


class Served(Talk, WebSocketServerProtocol):
    def onConnect(self, request):
        return "chat"


class Connected(Talk, WebSocketClientProtocol):
    pass


def accept(o):
    """What a server answers to a list of offers."""
    def choose(offers):
        for offer in offers:
            if isinstance(offer, PerMessageDeflateOffer):
                return PerMessageDeflateOfferAccept(
                    offer,
                    request_no_context_takeover="client_alone" in o and offer.accept_no_context_takeover,
                    request_max_window_bits=o.get("client_bits", 0) if offer.accept_max_window_bits else 0,
                    no_context_takeover="server_alone" in o or None,
                    window_bits=o.get("server_bits"))
    return choose


def accept_response(o):
    """What a client does with the server's answer."""
    def choose(response):
        if isinstance(response, PerMessageDeflateResponse):
            return PerMessageDeflateResponseAccept(
                response, no_context_takeover="client_alone" in o or None, window_bits=o.get("client_bits"))
    return choose


async def do_serve(o):
    factory = WebSocketServerFactory(protocols=["chat"])
    factory.protocol = Served
    factory.setProtocolOptions(maxMessagePayloadSize=MAX, maxFramePayloadSize=MAX, openHandshakeTimeout=0)
    if "deflate" in o:
        factory.setProtocolOptions(perMessageCompressionAccept=accept(o))
    server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0)
    say("listening", server.sockets[0].getsockname()[1])
    await server.serve_forever()


async def do_connect(url, o):
    u = urlsplit(url)
    factory = WebSocketClientFactory(url, protocols=["chat"])
    factory.protocol = Connected
    factory.setProtocolOptions(maxMessagePayloadSize=MAX, maxFramePayloadSize=MAX, openHandshakeTimeout=0)
    if "deflate" in o:
        factory.setProtocolOptions(
            perMessageCompressionOffers=[PerMessageDeflateOffer(
                request_no_context_takeover="server_alone" in o, request_max_window_bits=o.get("server_bits", 0))],
            perMessageCompressionAccept=accept_response(o))
    context = ssl.create_default_context() if u.scheme == "wss" else None
    await asyncio.get_running_loop().create_connection(factory, u.hostname, u.port, ssl=context)


asyncio.run(arun(do_serve, do_connect))
