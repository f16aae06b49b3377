//! Who makes the TCP connection: the system, or a test's script.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpStream;

/// Told each address that would be dialled, says where to connect to instead, or how it fails.
pub type ScriptedDial = dyn Fn(SocketAddr) -> io::Result<SocketAddr> + Send + Sync;

/// Connects to addresses the guard has let pass.
#[derive(Clone, Default)]
pub enum Dialer {
    /// Connects to the very address.
    #[default]
    System,
    /// Records and diverts; for tests, which never send to a hostile address.
    Scripted(Arc<ScriptedDial>),
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Dialer::System => "Dialer::System",
            Dialer::Scripted(_) => "Dialer::Scripted",
        })
    }
}

impl Dialer {
    pub(crate) async fn dial(&self, address: SocketAddr) -> io::Result<TcpStream> {
        match self {
            Dialer::System => TcpStream::connect(address).await,
            Dialer::Scripted(script) => TcpStream::connect(script(address)?).await,
        }
    }
}
