//! The shim of tungstenite.

use std::io::{self, BufRead, Read, Write};

use serde_json::{json, Value};
use tungstenite::protocol::{Role, WebSocket, WebSocketConfig};
use tungstenite::{error::ProtocolError, Error, Message};

/// A transport on which chunks arrive, and then the end.
struct Wire {
    chunks: Vec<Vec<u8>>, // the next one last
    out: Vec<u8>,
}

impl Read for Wire {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let Some(chunk) = self.chunks.last_mut() else { return Ok(0) };
        let n = buf.len().min(chunk.len());
        buf[..n].copy_from_slice(&chunk[..n]);
        chunk.drain(..n);
        if chunk.is_empty() {
            self.chunks.pop();
        }
        Ok(n)
    }
}

impl Write for Wire {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.out.extend_from_slice(buf);
        Ok(buf.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn hex(p: &[u8]) -> String {
    p.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(s: &str) -> Vec<u8> {
    (0..s.len()).step_by(2).map(|i| u8::from_str_radix(&s[i..i + 2], 16).unwrap()).collect()
}

fn run(case: &Value) -> Value {
    if !case["deflate"].is_null() {
        return json!({"id": case["id"], "events": [], "out": "", "skip": "no compression"});
    }
    let chunks = case["in"].as_array().unwrap().iter().rev().map(|c| unhex(c.as_str().unwrap())).collect();
    let role = if case["role"] == "server" { Role::Server } else { Role::Client };
    let max = case["max"].as_u64().unwrap() as usize;
    let config = WebSocketConfig::default().max_message_size(Some(max)).max_frame_size(Some(max));
    let mut ws = WebSocket::from_raw_socket(Wire { chunks, out: Vec::new() }, role, Some(config));
    let mut events: Vec<String> = Vec::new();
    let mut closed = false;
    loop {
        let (kind, payload) = match ws.read() {
            Ok(Message::Text(t)) => ("text".to_string(), hex(t.as_bytes())),
            Ok(Message::Binary(b)) => ("binary".to_string(), hex(&b)),
            Ok(Message::Ping(b)) => ("ping".to_string(), hex(&b)),
            Ok(Message::Pong(b)) => ("pong".to_string(), hex(&b)),
            Ok(Message::Close(f)) => {
                closed = true;
                match f {
                    // So it reports a Close frame that breaks a rule.
                    Some(f) if f.reason == "Protocol violation" => ("fail".to_string(), String::new()),
                    Some(f) => (format!("close {}", u16::from(f.code)), hex(f.reason.as_bytes())),
                    None => ("close 1005".to_string(), String::new()),
                }
            }
            Ok(Message::Frame(_)) => continue,
            Err(_) if closed => break,
            Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) | Err(Error::Io(_)) => {
                events.push("end".to_string());
                break;
            }
            Err(_) => {
                events.push("fail".to_string());
                break;
            }
        };
        events.push(format!("{kind} {payload}").trim().to_string());
    }
    let _ = ws.flush();
    json!({"id": case["id"], "events": events, "pings": true, "out": hex(&ws.get_ref().out)})
}

fn main() {
    for line in io::stdin().lock().lines() {
        println!("{}", run(&serde_json::from_str(&line.unwrap()).unwrap()));
    }
}
