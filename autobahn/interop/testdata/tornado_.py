"""A peer on Tornado."""
import asyncio

from peer import MAX, arun, command, say
from tornado import httpserver, netutil, web
from tornado.websocket import WebSocketHandler, websocket_connect


def compression(o):
    return {} if "deflate" in o else None


def answer(ws, message):
    """The echo. A side of Tornado's is a handler or a client, with the same methods."""
    name, arg, code = command(message)
    if name == "ping":
        ws.ping(arg.encode())
    elif name == "close":
        ws.close(code, arg)
    else:
        return ws.write_message(message, binary=isinstance(message, bytes))


def pong(ws, payload):
    ws.write_message("pong " + payload.decode())


class Handler(WebSocketHandler):
    def initialize(self, o):
        self.o = o

    def select_subprotocol(self, subprotocols):
        return "chat" if "chat" in subprotocols else None

    def get_compression_options(self):
        return compression(self.o)

    def open(self):
        say("open", self.selected_subprotocol)

    def on_message(self, message):
        return answer(self, message)

    def on_pong(self, payload):
        pong(self, payload)

    def on_close(self):
        say("closed", self.close_code, self.close_reason or "")


async def do_serve(o):
    [sock] = netutil.bind_sockets(0, "127.0.0.1")
    app = web.Application([("/", Handler, {"o": o})], websocket_max_message_size=MAX)
    httpserver.HTTPServer(app).add_socket(sock)
    say("listening", sock.getsockname()[1])


async def do_connect(url, o):
    ws = await websocket_connect(url, subprotocols=["chat"], compression_options=compression(o), max_message_size=MAX)
    ws.on_pong = lambda payload: pong(ws, payload)
    say("open", ws.selected_subprotocol)
    while (message := await ws.read_message()) is not None:
        answer(ws, message)
    say("closed", ws.close_code, ws.close_reason or "")


asyncio.run(arun(do_serve, do_connect))
