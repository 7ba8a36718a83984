package interop;

import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.InputStreamReader;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.Arrays;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** The peers in Java. Commands come by lines: see the README. */
public final class Peer {
  static final int MAX = 1 << 25; // bytes of a message
  static final int PIECE = 1000; // bytes, or characters, of a fragment

  /** A library, in the roles that it has. The argument says whether it compresses. */
  interface Library {
    default void serve(boolean deflate) throws Exception {
      throw new UnsupportedOperationException();
    }

    void connect(String url, boolean deflate) throws Exception;
  }

  /** What a text message asks for. */
  record Command(String name, String arg, int code) {
    private static final Pattern FORM = Pattern.compile("/(fragments|ping|close) ?(\\d*) ?(.*)", Pattern.DOTALL);

    static Command of(String message) {
      Matcher m = FORM.matcher(message.length() < 200 ? message : "");
      if (!m.matches()) {
        return new Command("", "", 0);
      }
      return new Command(m.group(1), m.group(3), m.group(2).isEmpty() ? 0 : Integer.parseInt(m.group(2)));
    }
  }

  static synchronized void say(Object... words) {
    System.out.println(String.join(" ", Arrays.stream(words).map(w -> String.valueOf(w).replace('\n', ' ')).toList()));
  }

  /** Trusts the certificate in SSL_CERT_FILE alone. */
  static TrustManagerFactory trust() throws Exception {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    try (FileInputStream file = new FileInputStream(System.getenv("SSL_CERT_FILE"))) {
      store.setCertificateEntry("interop", CertificateFactory.getInstance("X.509").generateCertificate(file));
    }
    TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(store);
    return trust;
  }

  static SSLContext tls() throws Exception {
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, trust().getTrustManagers(), null);
    return context;
  }

  private static Library library(String name) throws Exception {
    return switch (name) {
      case "jetty" -> new Jetty();
      case "netty" -> new Netty();
      case "undertow" -> new UndertowPeer();
      case "okhttp" -> new OkHttp();
      case "java.net.http" -> new JavaNetHttp();
      default -> throw new IllegalArgumentException(name);
    };
  }

  public static void main(String[] args) throws Exception {
    Library library = library(args[0]);
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      String[] words = line.split(" ");
      boolean deflate = Arrays.asList(words).contains("deflate");
      try {
        if (words[0].equals("serve")) {
          library.serve(deflate);
        } else {
          library.connect(words[1], deflate);
        }
      } catch (Exception e) {
        say("failed", e);
      }
    }
    System.exit(0); // with its parent
  }
}
