"""A peer on libsoup 3, by way of GObject introspection."""
import os
import sys

import gi

gi.require_version("Soup", "3.0")
from gi.repository import Gio, GLib, Soup  # noqa: E402
from peer import MAX, command, offer, say  # noqa: E402

kept = set()  # servers, sessions and connections that are open


def talk(ws):
    kept.add(ws)
    ws.set_max_incoming_payload_size(MAX)
    ws.connect("message", message)
    ws.connect("closed", closed)
    ws.connect("error", lambda ws, e: print(e.message, file=sys.stderr))
    say("open", ws.get_protocol())


def message(ws, kind, data):
    text = kind == Soup.WebsocketDataType.TEXT
    name, arg, code = command(data.get_data().decode()) if text and data.get_size() < 200 else ("", "", 0)
    if name == "close":
        ws.close(code, arg)
    else:
        ws.send_message(kind, data)


def closed(ws):
    kept.discard(ws)
    say("closed", ws.get_close_code(), ws.get_close_data() or "")


def serve(o):
    server = Soup.Server()
    if "deflate" not in o:
        server.remove_websocket_extension(Soup.WebsocketExtensionDeflate)
    server.add_websocket_handler("/", None, ["chat"], lambda server, msg, path, ws: talk(ws))
    server.listen_local(0, Soup.ServerListenOptions.IPV4_ONLY)
    kept.add(server)
    say("listening", server.get_uris()[0].get_port())


def connect(url, o):
    session = Soup.Session()
    session.set_proxy_resolver(None)
    if "SSL_CERT_FILE" in os.environ:
        session.set_tls_database(Gio.TlsFileDatabase.new(os.environ["SSL_CERT_FILE"]))
    if "deflate" in o:
        session.add_feature_by_type(Soup.WebsocketExtensionManager)
    kept.add(session)
    msg = Soup.Message.new("GET", url)
    session.websocket_connect_async(msg, None, ["chat"], GLib.PRIORITY_DEFAULT, None, connected)


def connected(session, result):
    try:
        talk(session.websocket_connect_finish(result))
    except GLib.Error as e:
        say("failed", e.message)


def line(channel, condition):
    words = sys.stdin.readline().split()
    if not words:
        os._exit(0)
    if words[0] == "serve":
        serve(offer(words[1:]))
    else:
        connect(words[1], offer(words[2:]))
    return True


if sys.argv[1:] == ["version"]:
    print("%d.%d.%d" % (Soup.get_major_version(), Soup.get_minor_version(), Soup.get_micro_version()))
    sys.exit()
GLib.io_add_watch(sys.stdin.fileno(), GLib.PRIORITY_DEFAULT, GLib.IOCondition.IN | GLib.IOCondition.HUP, line)
GLib.MainLoop().run()
