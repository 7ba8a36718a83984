//! A peer on tungstenite. Commands come by lines: see the README beside the
//! tests. The library has no compression.

use std::io::{BufRead, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::server::{Request, Response};
use tungstenite::http::{HeaderValue, Uri};
use tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

const MAX: usize = 1 << 25; // bytes of a message
const PIECE: usize = 1000; // bytes of a fragment

type Failure = Box<dyn std::error::Error>;

fn config() -> WebSocketConfig {
    WebSocketConfig::default().max_message_size(Some(MAX)).max_frame_size(Some(MAX))
}

/// Says how a connection ended that did not end well.
fn report(result: Result<(), Failure>) {
    if let Err(e) = result {
        println!("failed {}", e.to_string().replace('\n', " "));
    }
}

fn serve() -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("listening {}", listener.local_addr()?.port());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || report(accept(stream)));
        }
    });
    Ok(())
}

fn accept(stream: TcpStream) -> Result<(), Failure> {
    stream.set_nodelay(true)?;
    let ws = tungstenite::accept_hdr_with_config(
        stream,
        |_: &Request, mut response: Response| {
            response.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("chat"));
            Ok(response)
        },
        Some(config()),
    )
    .map_err(|e| e.to_string())?;
    talk(ws, "chat")
}

fn connect(url: &str) -> Result<(), Failure> {
    let uri: Uri = url.parse()?;
    let (host, port) = (uri.host().ok_or("no host")?, uri.port_u16().ok_or("no port")?);
    let stream = TcpStream::connect((host, port))?;
    stream.set_nodelay(true)?;
    if uri.scheme_str() != Some("wss") {
        return open(url, stream);
    }
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(std::env::var("SSL_CERT_FILE")?)?)?;
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let tls = ClientConnection::new(Arc::new(config), ServerName::try_from(host.to_owned())?)?;
    open(url, StreamOwned::new(tls, stream))
}

fn open<S: Read + Write>(url: &str, stream: S) -> Result<(), Failure> {
    let mut request = url.into_client_request()?;
    request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("chat"));
    let (ws, response) =
        tungstenite::client::client_with_config(request, stream, Some(config())).map_err(|e| e.to_string())?;
    let subprotocol = response.headers().get("Sec-WebSocket-Protocol").map_or("", |v| v.to_str().unwrap_or(""));
    talk(ws, subprotocol)
}

/// Echoes until the connection ends.
fn talk<S: Read + Write>(mut ws: WebSocket<S>, subprotocol: &str) -> Result<(), Failure> {
    println!("open {subprotocol}");
    let mut fragments = false;
    loop {
        match ws.read() {
            Ok(Message::Text(text)) => {
                if !command(&mut ws, text.as_str(), &mut fragments)? {
                    echo(&mut ws, Message::Text(text), &mut fragments)?;
                }
            }
            Ok(message @ Message::Binary(_)) => echo(&mut ws, message, &mut fragments)?,
            Ok(Message::Pong(payload)) => {
                ws.send(Message::text(format!("pong {}", String::from_utf8_lossy(&payload))))?;
            }
            Ok(Message::Close(frame)) => {
                let frame = frame.ok_or("a Close frame without a code")?;
                println!("closed {} {}", u16::from(frame.code), frame.reason.as_str());
            }
            Ok(_) => {}
            Err(Error::ConnectionClosed) => return Ok(()),
            Err(e) => return Err(e.into()),
        }
    }
}

/// Does what a text message asks for, if that is not its echo.
fn command<S: Read + Write>(ws: &mut WebSocket<S>, text: &str, fragments: &mut bool) -> Result<bool, Failure> {
    if text.len() >= 200 {
        return Ok(false);
    }
    if text == "/fragments" {
        *fragments = true;
    } else if let Some(payload) = text.strip_prefix("/ping ") {
        ws.send(Message::Ping(payload.to_owned().into()))?;
    } else if let Some(end) = text.strip_prefix("/close ") {
        let (code, reason) = end.split_once(' ').unwrap_or((end, ""));
        ws.close(Some(CloseFrame { code: CloseCode::from(code.parse::<u16>()?), reason: reason.into() }))?;
    } else {
        return Ok(false);
    }
    Ok(true)
}

fn echo<S: Read + Write>(ws: &mut WebSocket<S>, message: Message, fragments: &mut bool) -> Result<(), Failure> {
    if !std::mem::take(fragments) {
        return Ok(ws.send(message)?);
    }
    let mut kind = if message.is_text() { Data::Text } else { Data::Binary };
    let data = message.into_data();
    for start in (0..data.len()).step_by(PIECE) {
        let end = data.len().min(start + PIECE);
        let frame = Frame::message(data.slice(start..end), OpCode::Data(kind), end == data.len());
        ws.send(Message::Frame(frame))?;
        kind = Data::Continue;
    }
    Ok(())
}

fn main() {
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        if words[0] == "serve" {
            report(serve());
        } else {
            thread::spawn(move || report(connect(&words[1])));
        }
    }
}
