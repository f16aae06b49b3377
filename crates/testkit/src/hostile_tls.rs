//! Servers that misbehave in TLS itself, below what a TLS library can be made to do. One function over an accepted connection
//! each; identities that are merely bad are in `certificates`.

use std::io;
use std::sync::Arc;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use rustls::{ConnectionTrafficSecrets, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

/// Answers a ClientHello as a server does that knows nothing newer than `version` (`[3, 1]` is TLS 1.0), then waits.
pub async fn says_hello_in(mut stream: TcpStream, version: [u8; 2]) -> io::Result<()> {
    let mut hello = vec![0; 5];
    stream.read_exact(&mut hello).await?;
    // ServerHello: version, 32 bytes of random, no session, TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, no compression.
    let body = [&version[..], &[7; 32], &[0, 0xc0, 0x13, 0]].concat();
    let length = u8::try_from(body.len()).map_err(io::Error::other)?;
    let record = [&[22, version[0], version[1], 0, length + 4, 2, 0, 0, length], &body[..]].concat();
    stream.write_all(&record).await?;
    while stream.read(&mut hello).await? > 0 {}
    Ok(())
}

/// Finishes a TLS 1.2 handshake, asks again and again for a renegotiation (HelloRequest), and answers nothing. The
/// configuration must let its secrets be extracted, and offer nothing but AES-256-GCM.
///
/// # Errors
/// When the client goes away, as it should.
pub async fn renegotiates(stream: TcpStream, config: Arc<ServerConfig>) -> io::Result<()> {
    let shaken = TlsAcceptor::from(config).accept(stream).await?;
    let (mut stream, connection) = shaken.into_inner();
    let secrets = connection.dangerous_extract_secrets().map_err(io::Error::other)?;
    let (mut sequence, ConnectionTrafficSecrets::Aes256Gcm { key, iv }) = secrets.tx else {
        return Err(io::Error::other("another cipher suite was agreed on"));
    };
    let cipher = Aes256Gcm::new_from_slice(key.as_ref()).map_err(io::Error::other)?;
    loop {
        let record =
            hello_request(&cipher, iv.as_ref(), sequence).ok_or_else(|| io::Error::other("no record"))?;
        stream.write_all(&record).await?;
        sequence += 1;
    }
}

/// An encrypted record with a HelloRequest (RFC 5246 section 7.4.1.1), which is an empty handshake message of type 0.
fn hello_request(cipher: &Aes256Gcm, iv: &[u8], sequence: u64) -> Option<Vec<u8>> {
    let message = [0, 0, 0, 0];
    let explicit = sequence.to_be_bytes();
    let nonce: [u8; 12] = [iv.get(..4)?, &explicit].concat().try_into().ok()?;
    let header = [22, 3, 3];
    let aad = [&explicit[..], &header, &[0, 4]].concat();
    let sealed = cipher.encrypt(&Nonce::from(nonce), Payload { msg: &message, aad: &aad }).ok()?;
    let length = u16::try_from(explicit.len() + sealed.len()).ok()?;
    Some([&header[..], &length.to_be_bytes(), &explicit, &sealed].concat())
}
