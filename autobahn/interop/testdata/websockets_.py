"""A peer on Python's websockets."""
import asyncio

from peer import MAX, arun, command, pieces, say
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, ServerPerMessageDeflateFactory

COMMON = {"compression": None, "subprotocols": ["chat"], "max_size": MAX}
NAMES = {"server_bits": "server_max_window_bits", "client_bits": "client_max_window_bits",
         "server_alone": "server_no_context_takeover", "client_alone": "client_no_context_takeover"}


def parameters(o):
    return {NAMES[k]: v for k, v in o.items() if k in NAMES}


async def talk(ws):
    say("open", ws.subprotocol)
    fragments, pings = False, set()
    try:
        async for message in ws:
            name, arg, code = command(message)
            if name == "fragments":
                fragments = True
            elif name == "ping":
                pings.add(asyncio.create_task(ping(ws, arg)))
            elif name == "close":
                await ws.close(code, arg)
            elif fragments:
                fragments = False
                await ws.send(pieces(message))
            else:
                await ws.send(message)
    except ConnectionClosed:
        pass  # with a code of its own
    say("closed", ws.close_code, ws.close_reason)


async def ping(ws, payload):
    await (await ws.ping(payload))
    await ws.send("pong " + payload)


async def do_serve(o):
    extensions = [ServerPerMessageDeflateFactory(**parameters(o))] if "deflate" in o else None
    server = await serve(talk, "127.0.0.1", 0, extensions=extensions, **COMMON)
    say("listening", server.sockets[0].getsockname()[1])
    await server.wait_closed()


async def do_connect(url, o):
    # The client says that its window may be bounded, as it does by default.
    extensions = [ClientPerMessageDeflateFactory(**{"client_max_window_bits": True} | parameters(o))] if "deflate" in o else None
    async with connect(url, extensions=extensions, proxy=None, **COMMON) as ws:
        await talk(ws)


asyncio.run(arun(do_serve, do_connect))
