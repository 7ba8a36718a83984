"""A peer on libcurl, by way of pycurl: a client."""
import os
import select
import sys
import threading

import pycurl
from peer import MAX, PIECE, command, say


class Talk:
    def __init__(self, url):
        self.c = pycurl.Curl()
        self.c.setopt(pycurl.URL, url)
        self.c.setopt(pycurl.CONNECT_ONLY, 2)
        self.c.setopt(pycurl.NOPROXY, "*")
        self.c.setopt(pycurl.WS_OPTIONS, pycurl.WS_NOAUTOPONG)
        self.c.setopt(pycurl.HTTPHEADER, ["Sec-WebSocket-Protocol: chat"])
        if os.environ.get("SSL_CERT_FILE"):
            self.c.setopt(pycurl.CAINFO, os.environ["SSL_CERT_FILE"])
        self.got = bytearray()
        self.fragments = False

    def run(self):
        self.c.perform()
        say("open", "chat")  # the library does not tell what was agreed
        poll = select.poll()
        poll.register(self.c.getinfo(pycurl.ACTIVESOCKET), select.POLLIN)
        while True:
            try:
                data, meta = self.c.ws_recv(1 << 18)
            except BlockingIOError:
                poll.poll()
                continue
            if self.chunk(data, meta):
                self.c.close()
                return

    def chunk(self, data, meta):
        """Takes a part of a frame; tells whether the connection has ended."""
        if meta.flags & (pycurl.WS_PING | pycurl.WS_PONG | pycurl.WS_CLOSE):
            return self.control(data, meta.flags)
        self.got += data
        assert len(self.got) <= MAX
        if meta.bytesleft == 0 and not meta.flags & pycurl.WS_CONT:
            message, self.got = bytes(self.got), bytearray()
            self.message(message, meta.flags & (pycurl.WS_TEXT | pycurl.WS_BINARY))
        return False

    def control(self, data, flags):
        """A control frame comes in one part."""
        if flags & pycurl.WS_PING:
            self.send(data, pycurl.WS_PONG)
        if flags & pycurl.WS_PONG:
            self.send(b"pong " + data, pycurl.WS_TEXT)
        if flags & pycurl.WS_CLOSE:
            code = int.from_bytes(data[:2], "big")
            self.c.ws_close(code, data[2:])
            say("closed", code, data[2:].decode())
            return True
        return False

    def message(self, message, kind):
        name, arg, code = command(message.decode() if kind == pycurl.WS_TEXT else None)
        if name == "fragments":
            self.fragments = True
        elif name == "ping":
            self.send(arg.encode(), pycurl.WS_PING)
        elif name == "close":
            self.c.ws_close(code, arg)
        elif self.fragments:
            self.fragments = False
            for i in range(0, len(message), PIECE):
                last = i + PIECE >= len(message)
                self.send(message[i:i + PIECE], kind | (0 if last else pycurl.WS_CONT))
        else:
            self.send(message, kind)

    def send(self, data, flags):
        """Sends a frame; the library may take it in parts."""
        data = memoryview(data)
        while True:
            try:
                n = self.c.ws_send(data, flags)
            except BlockingIOError:
                select.select([], [self.c.getinfo(pycurl.ACTIVESOCKET)], [])
                continue
            data = data[n:]
            if not data:
                return


def connect(url):
    try:
        Talk(url).run()
    except Exception as e:
        say("failed", repr(e))


for line in sys.stdin:
    verb, url, *_ = line.split()
    assert verb == "connect", line
    threading.Thread(target=connect, args=(url,), daemon=True).start()
