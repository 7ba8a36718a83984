"""An echo server with Python's websockets; prints its port.

    python server.py {"server_max_window_bits": 10, ...} | null
"""
import asyncio
import json
import sys

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory


async def echo(ws):
    try:
        async for message in ws:
            await ws.send(message)
    except ConnectionClosed:
        pass  # with a code of the client's own


async def main(options):
    extensions = None if options is None else [ServerPerMessageDeflateFactory(**options)]
    async with serve(echo, "127.0.0.1", 0, compression=None, extensions=extensions,
                     subprotocols=["chat"], max_size=1 << 26) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        # It ends with its parent.
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main(json.loads(sys.argv[1])))
