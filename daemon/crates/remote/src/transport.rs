//! The socket under the HTTP library: connects, reads and writes without ever blocking longer than a slice
//! of [`Watch`]. TLS is laid over it by the library. Names are looked up by the library as well, on a thread
//! of its own that `connect_ms` bounds; only there a set cancel flag is not seen at once.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with, sockopt};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};

use crate::Phase;
use crate::watch::Watch;

/// Waits until the socket can do what is asked, or the call is given up.
fn ready(socket: impl AsFd, what: PollFlags, watch: &Watch) -> io::Result<()> {
    loop {
        let slice = watch.io_slice()?;
        let timeout = Timespec { tv_sec: 0, tv_nsec: slice.subsec_nanos().into() };
        let mut fds = [PollFd::new(&socket, what)];
        match poll(&mut fds, Some(&timeout)) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

fn reach(address: &SocketAddr, watch: &Watch) -> io::Result<TcpStream> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    match connect(&socket, address) {
        Ok(()) => {}
        Err(Errno::INPROGRESS | Errno::INTR) => {
            ready(&socket, PollFlags::OUT, watch)?;
            sockopt::socket_error(&socket)??;
        }
        Err(error) => return Err(error.into()),
    }
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Opens sockets. The addresses of a name are tried in their order; all of them share `connect_ms`.
#[derive(Debug)]
pub(crate) struct WatchedConnector {
    pub(crate) watch: Arc<Watch>,
}

impl Connector<()> for WatchedConnector {
    type Out = WatchedSocket;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<WatchedSocket>, ureq::Error> {
        self.watch.enter(Phase::Connect);
        let mut failure = io::Error::from(ErrorKind::AddrNotAvailable);
        for address in &details.addrs {
            match reach(address, &self.watch) {
                Ok(stream) => {
                    let config = details.config;
                    let buffers =
                        LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
                    let watch = Arc::clone(&self.watch);
                    return Ok(Some(WatchedSocket { stream, buffers, watch }));
                }
                Err(error) => failure = error,
            }
            if self.watch.stop().is_some() {
                break;
            }
        }
        Err(failure.into())
    }
}

/// Stands at the end of the chain: the connection is made, from now on the first token is waited for.
#[derive(Debug)]
pub(crate) struct Connected {
    pub(crate) watch: Arc<Watch>,
}

impl<In: Transport> Connector<In> for Connected {
    type Out = In;

    fn connect(
        &self,
        _: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<In>, ureq::Error> {
        self.watch.enter(Phase::FirstToken);
        Ok(chained)
    }
}

/// A connected socket that looks at its [`Watch`] while it waits.
pub(crate) struct WatchedSocket {
    stream: TcpStream,
    buffers: LazyBuffers,
    watch: Arc<Watch>,
}

impl fmt::Debug for WatchedSocket {
    /// The buffers hold requests, and with them the key: they are not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchedSocket").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl Transport for WatchedSocket {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        let mut rest = self.buffers.output().get(..amount).unwrap_or_default();
        while !rest.is_empty() {
            self.watch.io_slice()?;
            match (&self.stream).write(rest) {
                Ok(0) => return Err(io::Error::from(ErrorKind::WriteZero).into()),
                Ok(n) => rest = &rest[n..],
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    ready(&self.stream, PollFlags::OUT, &self.watch)?;
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e.into()),
            }
        }
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        loop {
            self.watch.io_slice()?;
            match (&self.stream).read(self.buffers.input_append_buf()) {
                Ok(n) => {
                    self.buffers.input_appended(n);
                    return Ok(n > 0);
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    ready(&self.stream, PollFlags::IN, &self.watch)?;
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e.into()),
            }
        }
    }

    fn is_open(&mut self) -> bool {
        // An idle connection has nothing to read: what is there is its end, or not ours.
        let peeked = self.stream.peek(&mut [0]);
        matches!(peeked, Err(e) if e.kind() == ErrorKind::WouldBlock)
    }
}

/// Looks names up; what is an address already needs no look-up and no thread.
#[derive(Debug, Default)]
pub(crate) struct NameResolver(DefaultResolver);

impl Resolver for NameResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let bare = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        if let Ok(address) = bare.parse::<IpAddr>() {
            let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
            let mut addresses = self.empty();
            addresses.push(SocketAddr::new(address, uri.port_u16().unwrap_or(default)));
            return Ok(addresses);
        }
        self.0.resolve(uri, config, timeout).map_err(|error| match error {
            ureq::Error::Io(_) => ureq::Error::HostNotFound,
            error => error,
        })
    }
}
