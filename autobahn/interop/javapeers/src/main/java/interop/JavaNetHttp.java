package interop;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.io.ByteArrayOutputStream;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Supplier;

/** The JDK's own client. It has no extensions. */
final class JavaNetHttp implements Peer.Library {
  private final HttpClient client = HttpClient.newBuilder().sslContext(Peer.tls()).build();

  JavaNetHttp() throws Exception {}

  @Override
  public void connect(String url, boolean deflate) {
    client.newWebSocketBuilder().subprotocols("chat").buildAsync(URI.create(url), new Talk())
        .exceptionally(e -> {
          Peer.say("failed", e);
          return null;
        });
  }

  private static final class Talk implements WebSocket.Listener {
    private final StringBuilder text = new StringBuilder();
    private final ByteArrayOutputStream binary = new ByteArrayOutputStream();
    private CompletableFuture<?> sent = CompletableFuture.completedFuture(null); // one send at a time
    private boolean fragments;

    @Override
    public void onOpen(WebSocket ws) {
      Peer.say("open", ws.getSubprotocol());
      ws.request(1);
    }

    private void send(Supplier<CompletableFuture<WebSocket>> next) {
      sent = sent.thenCompose(done -> next.get());
    }

    @Override
    public CompletionStage<?> onText(WebSocket ws, CharSequence data, boolean last) {
      text.append(data);
      if (last) {
        String message = text.toString();
        text.setLength(0);
        answer(ws, message);
      }
      ws.request(1);
      return null;
    }

    private void answer(WebSocket ws, String message) {
      Peer.Command c = Peer.Command.of(message);
      switch (c.name()) {
        case "fragments" -> fragments = true;
        case "ping" -> send(() -> ws.sendPing(ByteBuffer.wrap(c.arg().getBytes(StandardCharsets.UTF_8))));
        case "close" -> send(() -> ws.sendClose(c.code(), c.arg()));
        default -> {
          int piece = fragments ? Peer.PIECE : Integer.MAX_VALUE;
          fragments = false;
          int from = 0;
          for (; message.length() - from > piece; from += piece) {
            String part = message.substring(from, from + piece);
            send(() -> ws.sendText(part, false));
          }
          String rest = message.substring(from);
          send(() -> ws.sendText(rest, true));
        }
      }
    }

    @Override
    public CompletionStage<?> onBinary(WebSocket ws, ByteBuffer data, boolean last) {
      byte[] part = new byte[data.remaining()];
      data.get(part);
      binary.writeBytes(part);
      if (last) {
        echo(ws, binary.toByteArray());
        binary.reset();
      }
      ws.request(1);
      return null;
    }

    private void echo(WebSocket ws, byte[] message) {
      int piece = fragments ? Peer.PIECE : Integer.MAX_VALUE;
      fragments = false;
      int from = 0;
      for (; message.length - from > piece; from += piece) {
        ByteBuffer part = ByteBuffer.wrap(message, from, piece);
        send(() -> ws.sendBinary(part, false));
      }
      ByteBuffer rest = ByteBuffer.wrap(message, from, message.length - from);
      send(() -> ws.sendBinary(rest, true));
    }

    @Override
    public CompletionStage<?> onPong(WebSocket ws, ByteBuffer payload) {
      send(() -> ws.sendText("pong " + StandardCharsets.UTF_8.decode(payload), true));
      ws.request(1);
      return null;
    }

    @Override
    public CompletionStage<?> onClose(WebSocket ws, int code, String reason) {
      Peer.say("closed", code, reason);
      return null; // the Close frame is answered
    }

    @Override
    public void onError(WebSocket ws, Throwable e) {
      Peer.say("failed", e);
    }
  }
}
