"""A client with Python's websockets: sends the messages, wants each back, closes.

    python client.py URL {"server_max_window_bits": 10, ...} | null
"""
import asyncio
import json
import sys

from messages import messages
from websockets.asyncio.client import connect
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory


async def main(url, options):
    extensions = None if options is None else [ClientPerMessageDeflateFactory(**options)]
    sent = messages()
    async with connect(url, compression=None, extensions=extensions, subprotocols=["chat"],
                       max_size=1 << 26, proxy=None) as ws:
        await (await ws.ping("are you there"))
        reader = asyncio.create_task(read(ws, sent))
        for m in sent:
            await ws.send(m)
        await reader
        await ws.close(4001, "enough")
        assert ws.close_code == 4001, ws.close_code
        print("%s|%s" % (ws.subprotocol, ", ".join(e.name for e in ws.protocol.extensions)))


async def read(ws, sent):
    for i, want in enumerate(sent):
        assert await ws.recv() == want, "message %d differs" % i


asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
