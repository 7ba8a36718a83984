package interop;

import io.netty.bootstrap.Bootstrap;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.handler.codec.http.HttpClientCodec;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame;
import io.netty.handler.codec.http.websocketx.CloseWebSocketFrame;
import io.netty.handler.codec.http.websocketx.ContinuationWebSocketFrame;
import io.netty.handler.codec.http.websocketx.PingWebSocketFrame;
import io.netty.handler.codec.http.websocketx.PongWebSocketFrame;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketClientProtocolConfig;
import io.netty.handler.codec.http.websocketx.WebSocketClientProtocolHandler;
import io.netty.handler.codec.http.websocketx.WebSocketClientProtocolHandler.ClientHandshakeStateEvent;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketFrameAggregator;
import io.netty.handler.codec.http.websocketx.WebSocketServerProtocolConfig;
import io.netty.handler.codec.http.websocketx.WebSocketServerProtocolHandler;
import io.netty.handler.codec.http.websocketx.extensions.WebSocketServerExtensionHandler;
import io.netty.handler.codec.http.websocketx.extensions.compression.PerMessageDeflateServerExtensionHandshaker;
import io.netty.handler.codec.http.websocketx.extensions.compression.WebSocketClientCompressionHandler;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;

/** Both roles. */
final class Netty implements Peer.Library {
  private final EventLoopGroup group = new MultiThreadIoEventLoopGroup(2, NioIoHandler.newFactory());

  @Override
  public void serve(boolean deflate) throws Exception {
    WebSocketServerProtocolConfig config = WebSocketServerProtocolConfig.newBuilder()
        .websocketPath("/").subprotocols("chat").allowExtensions(deflate).maxFramePayloadLength(Peer.MAX)
        .handleCloseFrames(false).dropPongFrames(false).build();
    Channel listener = new ServerBootstrap().group(group).channel(NioServerSocketChannel.class)
        .childHandler(new ChannelInitializer<>() {
          @Override
          protected void initChannel(Channel channel) {
            ChannelPipeline p = channel.pipeline();
            p.addLast(new HttpServerCodec(), new HttpObjectAggregator(65536));
            if (deflate) {
              p.addLast(extension());
            }
            p.addLast(new WebSocketServerProtocolHandler(config), new WebSocketFrameAggregator(Peer.MAX), new Talk());
          }
        }).bind("127.0.0.1", 0).sync().channel();
    Peer.say("listening", ((InetSocketAddress) listener.localAddress()).getPort());
  }

  /** The server compresses without takeover if it is asked to. Its window is always of 15 bits. */
  private static WebSocketServerExtensionHandler extension() {
    return new WebSocketServerExtensionHandler(
        new PerMessageDeflateServerExtensionHandshaker(6, false, 15, true, false, 0));
  }

  @Override
  public void connect(String url, boolean deflate) throws Exception {
    URI uri = URI.create(url);
    WebSocketClientProtocolConfig config = WebSocketClientProtocolConfig.newBuilder()
        .webSocketUri(uri).subprotocol("chat").allowExtensions(deflate).maxFramePayloadLength(Peer.MAX)
        .handleCloseFrames(false).dropPongFrames(false).build();
    SslContext tls = SslContextBuilder.forClient().trustManager(Peer.trust()).build();
    new Bootstrap().group(group).channel(NioSocketChannel.class)
        .handler(new ChannelInitializer<>() {
          @Override
          protected void initChannel(Channel channel) {
            ChannelPipeline p = channel.pipeline();
            if (uri.getScheme().equals("wss")) {
              p.addLast(tls.newHandler(channel.alloc(), uri.getHost(), uri.getPort()));
            }
            p.addLast(new HttpClientCodec(), new HttpObjectAggregator(65536));
            if (deflate) {
              p.addLast(new WebSocketClientCompressionHandler(0));
            }
            p.addLast(new WebSocketClientProtocolHandler(config), new WebSocketFrameAggregator(Peer.MAX), new Talk());
          }
        }).connect(uri.getHost(), uri.getPort()).sync();
  }

  private static final class Talk extends SimpleChannelInboundHandler<WebSocketFrame> {
    private boolean fragments;
    private boolean closing; // our Close frame has left

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
      if (event instanceof WebSocketServerProtocolHandler.HandshakeComplete h) {
        Peer.say("open", h.selectedSubprotocol());
      } else if (event == ClientHandshakeStateEvent.HANDSHAKE_COMPLETE) {
        Peer.say("open", ctx.pipeline().get(WebSocketClientProtocolHandler.class).handshaker().actualSubprotocol());
      }
    }

    @Override
    protected void channelRead0(ChannelHandlerContext ctx, WebSocketFrame frame) {
      if (frame instanceof CloseWebSocketFrame close) {
        close(ctx, close);
      } else if (frame instanceof PongWebSocketFrame) {
        ctx.writeAndFlush(new TextWebSocketFrame("pong " + frame.content().toString(StandardCharsets.UTF_8)));
      } else if (frame instanceof TextWebSocketFrame text) {
        text(ctx, text);
      } else if (frame instanceof BinaryWebSocketFrame) {
        echo(ctx, frame);
      }
    }

    private void close(ChannelHandlerContext ctx, CloseWebSocketFrame close) {
      Peer.say("closed", close.statusCode(), close.reasonText());
      if (closing) {
        ctx.close();
      } else {
        ctx.writeAndFlush(close.retain()).addListener(sent -> ctx.close());
      }
    }

    private void text(ChannelHandlerContext ctx, TextWebSocketFrame frame) {
      Peer.Command c = Peer.Command.of(frame.content().readableBytes() < 200 ? frame.text() : "");
      switch (c.name()) {
        case "fragments" -> fragments = true;
        case "ping" -> ctx.writeAndFlush(new PingWebSocketFrame(Unpooled.copiedBuffer(c.arg(), StandardCharsets.UTF_8)));
        case "close" -> {
          closing = true;
          ctx.writeAndFlush(new CloseWebSocketFrame(c.code(), c.arg()));
        }
        default -> echo(ctx, frame);
      }
    }

    private void echo(ChannelHandlerContext ctx, WebSocketFrame frame) {
      if (!fragments) {
        ctx.writeAndFlush(frame.retain());
        return;
      }
      fragments = false;
      ByteBuf all = frame.content();
      boolean text = frame instanceof TextWebSocketFrame;
      for (boolean first = true; first || all.isReadable(); first = false) {
        ByteBuf part = all.readRetainedSlice(Math.min(Peer.PIECE, all.readableBytes()));
        boolean last = !all.isReadable();
        ctx.write(!first ? new ContinuationWebSocketFrame(last, 0, part)
            : text ? new TextWebSocketFrame(last, 0, part) : new BinaryWebSocketFrame(last, 0, part));
      }
      ctx.flush();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable e) {
      Peer.say("failed", e);
      ctx.close();
    }
  }
}
