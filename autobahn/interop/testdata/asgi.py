"""The peers that serve ASGI: an application that echoes, and its servers.
ASGI has no pings and no fragments."""
import asyncio
import os
import socket
import sys

from peer import MAX, arun, command, say


async def app(scope, receive, send):
    if scope["type"] != "websocket":
        return await lifespan(receive, send)
    await receive()  # websocket.connect
    await send({"type": "websocket.accept", "subprotocol": "chat"})
    say("open", "chat")
    while (event := await receive())["type"] == "websocket.receive":
        message = event.get("text") if event.get("text") is not None else event["bytes"]
        name, arg, code = command(message)
        if name == "close":
            await send({"type": "websocket.close", "code": code, "reason": arg})
        else:
            await send({"type": "websocket.send", "text" if isinstance(message, str) else "bytes": message})
    say("closed", event["code"], event.get("reason") or "")


async def lifespan(receive, send):
    while True:
        kind = (await receive())["type"]
        await send({"type": kind + ".complete"})
        if kind == "lifespan.shutdown":
            return


async def hypercorn(sock, o):
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    config = Config()
    config.bind = ["fd://%d" % sock.fileno()]
    config.websocket_max_message_size = MAX
    config.errorlog = "-"
    await serve(app, config, shutdown_trigger=asyncio.Event().wait)


async def hypercorn_h3(port, o):
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    config = Config()
    config.bind, config.quic_bind = ["127.0.0.1:%d" % port], ["127.0.0.1:%d" % port]
    config.certfile = config.keyfile = os.environ["CERTIFICATE"]
    config.websocket_max_message_size = MAX
    config.errorlog = "-"
    await serve(app, config, shutdown_trigger=asyncio.Event().wait)


async def uvicorn(sock, o, ws="auto"):
    from uvicorn import Config, Server
    config = Config(app, ws=ws, ws_max_size=MAX, ws_ping_interval=None, log_level="warning", ws_per_message_deflate="deflate" in o)
    server = Server(config)
    server.install_signal_handlers = lambda: None
    await server.serve(sockets=[sock])


async def uvicorn_wsproto(sock, o):
    await uvicorn(sock, o, "wsproto")


async def do_serve(o):
    sock = socket.create_server(("127.0.0.1", 0))
    if sys.argv[1] == "hypercorn-h3":
        port = sock.getsockname()[1]
        sock.close()
        asyncio.get_running_loop().call_later(1, say, "listening", port)
        await hypercorn_h3(port, o)
    say("listening", sock.getsockname()[1])  # it does, before the server accepts
    await {"hypercorn": hypercorn, "uvicorn": uvicorn, "uvicorn-wsproto": uvicorn_wsproto}[sys.argv[1]](sock, o)


asyncio.run(arun(do_serve, None))
