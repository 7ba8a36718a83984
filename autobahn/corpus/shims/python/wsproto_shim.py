"""The shim of wsproto, which does no I/O of its own."""

import json
import sys

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.extensions import PerMessageDeflate
from wsproto.utilities import RemoteProtocolError


def extensions(d, server):
    if d is None:
        return []
    text = (
        f"permessage-deflate; client_max_window_bits={d['client_max_window_bits']};"
        f" server_max_window_bits={d['server_max_window_bits']}"
    )
    for name in ("server_no_context_takeover", "client_no_context_takeover"):
        if d[name]:
            text += "; " + name
    extension = PerMessageDeflate()
    if server:
        extension.accept(text)
    else:
        extension.finalize(text)
    return [extension]


def run(case):
    if case["max"] < 1 << 20:
        return {"id": case["id"], "events": [], "out": "", "skip": "no limit of its own"}
    server = case["role"] == "server"
    kind = ConnectionType.SERVER if server else ConnectionType.CLIENT
    connection = Connection(kind, extensions(case.get("deflate"), server))
    events, out, message = [], [], b""

    def note(kind, payload):
        events.append(f"{kind} {payload.hex()}".strip())

    try:
        for chunk in case["in"]:
            connection.receive_data(bytes.fromhex(chunk))
            for event in connection.events():
                if isinstance(event, (TextMessage, BytesMessage)):
                    text = isinstance(event, TextMessage)
                    message += event.data.encode() if text else bytes(event.data)
                    if event.message_finished:
                        note("text" if text else "binary", message)
                        message = b""
                elif isinstance(event, Ping):
                    note("ping", bytes(event.payload))
                    out.append(connection.send(event.response()))
                elif isinstance(event, Pong):
                    note("pong", bytes(event.payload))
                elif isinstance(event, CloseConnection) and connection.state is ConnectionState.OPEN:
                    # No Close frame came: wsproto reports so that the peer has broken a rule.
                    out.append(connection.send(CloseConnection(code=event.code)))
                    raise RemoteProtocolError(event.reason)
                elif isinstance(event, CloseConnection):
                    note(f"close {int(event.code)}", (event.reason or "").encode())
                    out.append(connection.send(event.response()))
            if connection.state is ConnectionState.CLOSED:
                break
        else:
            events.append("end")
    except RemoteProtocolError:
        events.append("fail")
    except Exception as error:  # of wsproto's own, which it does not name
        events.append("fail")
        print(f"{case['id']}: {error!r}", file=sys.stderr)
    return {"id": case["id"], "events": events, "pings": True, "out": b"".join(out).hex()}


for line in sys.stdin:
    print(json.dumps(run(json.loads(line))), flush=True)
