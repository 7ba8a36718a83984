"""A peer on aiohttp."""
import asyncio

from aiohttp import ClientSession, WSMsgType, web
from peer import MAX, arun, command, say


async def talk(ws):
    """Echoes until the connection ends. Without autoping pings and pongs come here."""
    closing, reason = None, ""
    while True:
        m = await ws.receive()
        if m.type == WSMsgType.PING:
            await ws.pong(m.data)
        elif m.type == WSMsgType.PONG:
            await ws.send_str("pong " + bytes(m.data).decode())
        elif m.type == WSMsgType.BINARY:
            await ws.send_bytes(m.data)
        elif m.type == WSMsgType.TEXT:
            name, arg, code = command(m.data)
            if name == "ping":
                await ws.ping(arg.encode())
            elif name == "close":
                await ws.close(code=code, message=arg.encode())
                say("closed", ws.close_code, arg)  # the answer's reason is not told
                return
            else:
                await ws.send_str(m.data)
        elif m.type == WSMsgType.CLOSE:
            closing, reason = m.data, m.extra
            await ws.close(code=closing, message=(reason or "").encode())
            say("closed", closing, reason or "")
            return
        else:
            say("failed", m)
            return


async def do_serve(o):
    async def handler(request):
        ws = web.WebSocketResponse(autoping=False, autoclose=False, protocols=["chat"], max_msg_size=MAX,
                                   compress="deflate" in o)
        await ws.prepare(request)
        say("open", ws.ws_protocol)
        await talk(ws)
        return ws

    app = web.Application()
    app.router.add_get("/", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    say("listening", runner.addresses[0][1])


async def do_connect(url, o):
    bits = o.get("server_bits", 15) if "deflate" in o else 0
    async with ClientSession() as session, session.ws_connect(
            url, autoping=False, autoclose=False, protocols=["chat"], max_msg_size=MAX, compress=bits) as ws:
        say("open", ws.protocol)
        await talk(ws)


asyncio.run(arun(do_serve, do_connect))
