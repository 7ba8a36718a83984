package interop;

import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.client.transport.HttpClientTransportOverHTTP;
import org.eclipse.jetty.io.ClientConnector;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.ssl.SslContextFactory;
import org.eclipse.jetty.websocket.api.Callback;
import org.eclipse.jetty.websocket.api.Configurable;
import org.eclipse.jetty.websocket.api.Session;
import org.eclipse.jetty.websocket.client.ClientUpgradeRequest;
import org.eclipse.jetty.websocket.client.WebSocketClient;
import org.eclipse.jetty.websocket.server.WebSocketUpgradeHandler;

/** Both roles. Its server accepts compression if it is offered. */
final class Jetty implements Peer.Library {
  private WebSocketClient client;

  @Override
  public void serve(boolean deflate) throws Exception {
    Server server = new Server();
    ServerConnector connector = new ServerConnector(server);
    connector.setHost("127.0.0.1");
    server.addConnector(connector);
    server.setHandler(WebSocketUpgradeHandler.from(server, container -> {
      limits(container);
      container.addMapping("/", (request, response, callback) -> {
        response.setAcceptedSubProtocol("chat");
        return new Talk("chat");
      });
    }));
    server.start();
    Peer.say("listening", connector.getLocalPort());
  }

  private static void limits(Configurable c) {
    c.setMaxBinaryMessageSize(Peer.MAX);
    c.setMaxTextMessageSize(Peer.MAX);
    c.setMaxFrameSize(Peer.MAX);
    c.setIdleTimeout(Duration.ofMinutes(2));
  }

  @Override
  public void connect(String url, boolean deflate) throws Exception {
    if (client == null) {
      SslContextFactory.Client tls = new SslContextFactory.Client();
      tls.setSslContext(Peer.tls());
      ClientConnector connector = new ClientConnector();
      connector.setSslContextFactory(tls);
      client = new WebSocketClient(new HttpClient(new HttpClientTransportOverHTTP(connector)));
      limits(client);
      client.start();
    }
    ClientUpgradeRequest request = new ClientUpgradeRequest(URI.create(url));
    request.setSubProtocols(List.of("chat"));
    if (deflate) {
      request.addExtensions("permessage-deflate");
    }
    client.connect(new Talk(null), request).exceptionally(e -> {
      Peer.say("failed", e);
      return null;
    });
  }

  /** A connection. It is public because the library calls it. */
  public static final class Talk implements Session.Listener.AutoDemanding {
    private final String subprotocol; // null: the response's
    private Session session;
    private boolean fragments;

    Talk(String subprotocol) {
      this.subprotocol = subprotocol;
    }

    @Override
    public void onWebSocketOpen(Session session) {
      this.session = session;
      Peer.say("open", subprotocol != null ? subprotocol : session.getUpgradeResponse().getAcceptedSubProtocol());
    }

    @Override
    public void onWebSocketText(String message) {
      Peer.Command c = Peer.Command.of(message);
      switch (c.name()) {
        case "fragments" -> fragments = true;
        case "ping" -> session.sendPing(StandardCharsets.UTF_8.encode(c.arg()), Callback.NOOP);
        case "close" -> session.close(c.code(), c.arg(), Callback.NOOP);
        default -> sendText(message);
      }
    }

    private void sendText(String message) {
      if (!fragments) {
        session.sendText(message, Callback.NOOP);
        return;
      }
      fragments = false;
      for (int from = 0; from < message.length(); from += Peer.PIECE) {
        int to = Math.min(from + Peer.PIECE, message.length());
        session.sendPartialText(message.substring(from, to), to == message.length(), Callback.NOOP);
      }
    }

    @Override
    public void onWebSocketBinary(ByteBuffer payload, Callback callback) {
      ByteBuffer message = ByteBuffer.allocate(payload.remaining()).put(payload).flip();
      callback.succeed();
      if (!fragments) {
        session.sendBinary(message, Callback.NOOP);
        return;
      }
      fragments = false;
      int length = message.remaining();
      for (int from = 0; from < length; from += Peer.PIECE) {
        int n = Math.min(Peer.PIECE, length - from);
        session.sendPartialBinary(message.slice(from, n), from + n == length, Callback.NOOP);
      }
    }

    @Override
    public void onWebSocketPong(ByteBuffer payload) {
      session.sendText("pong " + StandardCharsets.UTF_8.decode(payload), Callback.NOOP);
    }

    @Override
    public void onWebSocketClose(int code, String reason, Callback callback) {
      Peer.say("closed", code, reason == null ? "" : reason);
      callback.succeed();
    }

    @Override
    public void onWebSocketError(Throwable e) {
      System.err.println(e);
    }
  }
}
