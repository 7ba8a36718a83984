package interop;

import io.undertow.Undertow;
import io.undertow.connector.ByteBufferPool;
import io.undertow.protocols.ssl.UndertowXnioSsl;
import io.undertow.server.DefaultByteBufferPool;
import io.undertow.websockets.WebSocketConnectionCallback;
import io.undertow.websockets.WebSocketExtension;
import io.undertow.websockets.WebSocketProtocolHandshakeHandler;
import io.undertow.websockets.client.WebSocketClient;
import io.undertow.websockets.client.WebSocketClientNegotiation;
import io.undertow.websockets.core.AbstractReceiveListener;
import io.undertow.websockets.core.BufferedBinaryMessage;
import io.undertow.websockets.core.BufferedTextMessage;
import io.undertow.websockets.core.CloseMessage;
import io.undertow.websockets.core.WebSocketChannel;
import io.undertow.websockets.core.WebSockets;
import io.undertow.websockets.core.protocol.version13.Hybi13Handshake;
import io.undertow.websockets.extensions.PerMessageDeflateHandshake;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Set;
import org.xnio.IoFuture;
import org.xnio.OptionMap;
import org.xnio.Xnio;
import org.xnio.XnioWorker;

/** Both roles, by the library's core. */
final class UndertowPeer implements Peer.Library {
  private final XnioWorker worker = Xnio.getInstance().createWorker(OptionMap.EMPTY);
  private final ByteBufferPool pool = new DefaultByteBufferPool(false, 16384);

  UndertowPeer() throws Exception {}

  @Override
  public void serve(boolean deflate) {
    WebSocketProtocolHandshakeHandler handler = new WebSocketProtocolHandshakeHandler(
        List.of(new Hybi13Handshake(Set.of("chat"), false)), (WebSocketConnectionCallback) (exchange, channel) -> talk(channel));
    if (deflate) {
      handler.addExtension(new PerMessageDeflateHandshake());
    }
    Undertow server = Undertow.builder().addHttpListener(0, "127.0.0.1").setHandler(handler).build();
    server.start();
    Peer.say("listening", ((InetSocketAddress) server.getListenerInfo().get(0).getAddress()).getPort());
  }

  @Override
  public void connect(String url, boolean deflate) throws Exception {
    WebSocketClient.ConnectionBuilder builder = WebSocketClient.connectionBuilder(worker, pool, URI.create(url))
        .setSsl(new UndertowXnioSsl(worker.getXnio(), OptionMap.EMPTY, Peer.tls()))
        .setClientNegotiation(new WebSocketClientNegotiation(
            List.of("chat"), WebSocketExtension.parse(deflate ? "permessage-deflate" : "")));
    if (deflate) {
      builder.setClientExtensions(Set.of(new PerMessageDeflateHandshake(true)));
    }
    builder.connect().addNotifier(new IoFuture.HandlingNotifier<WebSocketChannel, Object>() {
      @Override
      public void handleDone(WebSocketChannel channel, Object unused) {
        talk(channel);
      }

      @Override
      public void handleFailed(java.io.IOException e, Object unused) {
        Peer.say("failed", e);
      }
    }, null);
  }

  private static void talk(WebSocketChannel channel) {
    Peer.say("open", channel.getSubProtocol());
    channel.getReceiveSetter().set(new Talk());
    channel.resumeReceives();
  }

  private static final class Talk extends AbstractReceiveListener {
    @Override
    protected long getMaxTextBufferSize() {
      return Peer.MAX;
    }

    @Override
    protected long getMaxBinaryBufferSize() {
      return Peer.MAX;
    }

    @Override
    protected void onFullTextMessage(WebSocketChannel channel, BufferedTextMessage message) {
      String text = message.getData();
      Peer.Command c = Peer.Command.of(text);
      switch (c.name()) {
        case "ping" -> WebSockets.sendPing(StandardCharsets.UTF_8.encode(c.arg()), channel, null);
        case "close" -> WebSockets.sendClose(c.code(), c.arg(), channel, null);
        default -> WebSockets.sendText(text, channel, null);
      }
    }

    @Override
    protected void onFullBinaryMessage(WebSocketChannel channel, BufferedBinaryMessage message) {
      try (var data = message.getData()) {
        ByteBuffer whole = WebSockets.mergeBuffers(data.getResource());
        WebSockets.sendBinary(whole, channel, null);
      }
    }

    @Override
    protected void onFullPongMessage(WebSocketChannel channel, BufferedBinaryMessage message) {
      try (var data = message.getData()) {
        ByteBuffer payload = WebSockets.mergeBuffers(data.getResource());
        WebSockets.sendText("pong " + StandardCharsets.UTF_8.decode(payload), channel, null);
      }
    }

    @Override
    protected void onCloseMessage(CloseMessage message, WebSocketChannel channel) {
      Peer.say("closed", message.getCode(), message.getReason());
    }

    @Override
    protected void onError(WebSocketChannel channel, Throwable e) {
      Peer.say("failed", e);
    }
  }
}
