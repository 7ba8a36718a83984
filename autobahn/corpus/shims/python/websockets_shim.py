"""The shim of websockets: its threaded connection over a pair of sockets."""

import json
import socket
import sys
import threading

from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.protocol import Protocol, Side, State
from websockets.sync.connection import Connection


class Noting(Connection):
    """A connection that notes pings and pongs beside the messages."""

    def __init__(self, sock, protocol, note, **options):
        self.note = note
        super().__init__(sock, protocol, **options)

    def process_event(self, event):
        kind = {9: "ping", 10: "pong"}.get(int(event.opcode))
        if kind:
            self.note(kind, bytes(event.data))
        super().process_event(event)


def deflate(d, server):
    """The extension as it is after the handshake."""
    bits = d["server_max_window_bits"], d["client_max_window_bits"]
    plain = d["server_no_context_takeover"], d["client_no_context_takeover"]
    local, remote = (0, 1) if server else (1, 0)
    return PerMessageDeflate(plain[remote], plain[local], bits[remote], max(bits[local], 9))


def run(case):
    events = []

    def note(kind, payload):
        events.append(f"{kind} {payload.hex()}".strip())

    server = case["role"] == "server"
    protocol = Protocol(Side.SERVER if server else Side.CLIENT, state=State.OPEN, max_size=case["max"])
    if "deflate" in case:
        protocol.extensions = [deflate(case["deflate"], server)]
    ours, peer = socket.socketpair()
    out = []

    def collect():
        while data := peer.recv(1 << 16):
            out.append(data)

    collector = threading.Thread(target=collect)
    collector.start()
    for chunk in case["in"]:
        peer.sendall(bytes.fromhex(chunk))
    # Later, else it ends before the connection has answered.
    ending = threading.Timer(0.02, peer.shutdown, [socket.SHUT_WR])
    ending.start()
    connection = Noting(ours, protocol, note, ping_interval=None, close_timeout=1)
    try:
        while True:
            message = connection.recv()
            if isinstance(message, str):
                note("text", message.encode())
            else:
                note("binary", message)
    except ConnectionClosed as end:
        if end.rcvd is not None and end.rcvd_then_sent:
            note(f"close {int(end.rcvd.code)}", end.rcvd.reason.encode())
        elif end.sent is not None:
            events.append("fail")
        else:
            events.append("end")
    ending.join()
    connection.close()
    collector.join()
    peer.close()
    return {"id": case["id"], "events": events, "out": b"".join(out).hex()}


for line in sys.stdin:
    print(json.dumps(run(json.loads(line))), flush=True)
