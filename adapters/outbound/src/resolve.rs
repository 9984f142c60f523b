use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::pin::Pin;

use crate::lookups::Lookup;

/// The addresses of a name, at some time in the future.
pub type Addresses<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>>;

/// Finds the addresses of a name. It is asked once a connection, and what it answers is judged and then connected to: a name
/// that has another address a moment later leads nowhere else.
pub trait Resolve: fmt::Debug + Send + Sync {
    /// The addresses of `host`, with `port`.
    fn resolve<'a>(&'a self, host: &'a str, port: u16, lookup: Lookup) -> Addresses<'a>;
}

/// What the machine's own resolver says, hosts file included.
///
/// A resolver of this node's own could give up on a name server that hangs. It would not read what the machine reads (the hosts
/// file, the domains of a company's own network), and is more code than all the rest of the door: that few may hang at a time
/// is the price.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str, port: u16, lookup: Lookup) -> Addresses<'a> {
        Box::pin(async move {
            let host = host.to_owned();
            let found = tokio::task::spawn_blocking(move || {
                // One that hangs cannot be taken back.
                let _lookup = lookup;
                (host, port).to_socket_addrs().map(Iterator::collect)
            });
            found.await.map_err(io::Error::other)?
        })
    }
}

/// Names with addresses given beforehand, as in a hosts file; every other name goes to the system. With
/// [`Options::dev`](crate::Options::dev) the port of an entry counts too, so that a name leads to a server on some free port.
#[derive(Clone, Debug, Default)]
pub struct HostTable {
    hosts: BTreeMap<String, SocketAddr>,
}

impl HostTable {
    /// A table of lower-case names.
    #[must_use]
    pub fn new(hosts: BTreeMap<String, SocketAddr>) -> Self {
        Self { hosts }
    }
}

impl Resolve for HostTable {
    fn resolve<'a>(&'a self, host: &'a str, port: u16, lookup: Lookup) -> Addresses<'a> {
        match self.hosts.get(host) {
            Some(address) => Box::pin(async { Ok(vec![*address]) }),
            None => SystemResolver.resolve(host, port, lookup),
        }
    }
}
