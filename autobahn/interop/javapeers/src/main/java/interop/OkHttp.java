package interop;

import java.util.concurrent.TimeUnit;
import javax.net.ssl.X509TrustManager;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.Response;
import okhttp3.WebSocket;
import okhttp3.WebSocketListener;
import okio.ByteString;

/** A client. It offers compression always; the other side decides. */
final class OkHttp extends WebSocketListener implements Peer.Library {
  private final OkHttpClient client = new OkHttpClient.Builder()
      .sslSocketFactory(Peer.tls().getSocketFactory(), (X509TrustManager) Peer.trust().getTrustManagers()[0])
      .minWebSocketMessageToCompress(0)
      .readTimeout(2, TimeUnit.MINUTES)
      .build();

  OkHttp() throws Exception {}

  @Override
  public void connect(String url, boolean deflate) {
    Request request = new Request.Builder().url(url).header("Sec-WebSocket-Protocol", "chat").build();
    client.newWebSocket(request, this);
  }

  /** Its queue takes 16 MiB, so that a long message has to wait until it is empty. */
  private static void drain(WebSocket ws) {
    while (ws.queueSize() > 0) {
      Thread.yield();
    }
  }

  @Override
  public void onOpen(WebSocket ws, Response response) {
    Peer.say("open", response.header("Sec-WebSocket-Protocol", ""));
  }

  @Override
  public void onMessage(WebSocket ws, String message) {
    Peer.Command c = Peer.Command.of(message);
    if (c.name().equals("close")) {
      ws.close(c.code(), c.arg());
      return;
    }
    drain(ws);
    ws.send(message);
  }

  @Override
  public void onMessage(WebSocket ws, ByteString message) {
    drain(ws);
    ws.send(message);
  }

  @Override
  public void onClosing(WebSocket ws, int code, String reason) {
    ws.close(code, reason);
  }

  @Override
  public void onClosed(WebSocket ws, int code, String reason) {
    Peer.say("closed", code, reason);
  }

  @Override
  public void onFailure(WebSocket ws, Throwable e, Response response) {
    Peer.say("failed", e);
  }
}
