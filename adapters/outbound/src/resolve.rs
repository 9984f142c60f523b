use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::Semaphore;

/// Look-ups that the system has in hand at once. One that hangs cannot be taken back, only waited for.
const MAX_LOOKUPS: usize = 64;

/// The addresses of a name, at some time in the future.
pub type Addresses<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>>;

/// Finds the addresses of a name. It is asked once a connection, and what it answers is judged and then connected to: a name
/// that has another address a moment later leads nowhere else.
pub trait Resolve: fmt::Debug + Send + Sync {
    /// The addresses of `host`, with `port`.
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Addresses<'a>;
}

/// What the machine's own resolver says, hosts file included.
#[derive(Clone, Debug)]
pub struct SystemResolver {
    places: Arc<Semaphore>,
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(MAX_LOOKUPS)) }
    }
}

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Addresses<'a> {
        Box::pin(async move {
            let place = Arc::clone(&self.places).acquire_owned().await.map_err(io::Error::other)?;
            let host = host.to_owned();
            let found = tokio::task::spawn_blocking(move || {
                // Held until the look-up has ended, also when nobody waits for it any more.
                let _place = place;
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
    others: SystemResolver,
}

impl HostTable {
    /// A table of lower-case names.
    #[must_use]
    pub fn new(hosts: BTreeMap<String, SocketAddr>) -> Self {
        Self { hosts, others: SystemResolver::default() }
    }
}

impl Resolve for HostTable {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Addresses<'a> {
        match self.hosts.get(host) {
            Some(address) => Box::pin(async { Ok(vec![*address]) }),
            None => self.others.resolve(host, port),
        }
    }
}
