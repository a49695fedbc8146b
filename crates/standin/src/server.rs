//! A server that can be stopped and started again on the same port, with a blocking interface.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use tokio::runtime::{Builder, Runtime};

use crate::tap::{Connection, TapListener};

/// A router on a port of 127.0.0.1. Dropping it stops it.
pub(crate) struct Server {
    address: SocketAddr,
    router: Router,
    /// `None` while the server is down.
    runtime: Mutex<Option<Runtime>>,
}

impl Server {
    /// Listens before it returns.
    pub(crate) fn start(port: Option<u16>, router: Router) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.unwrap_or(0)))?;
        let address = listener.local_addr()?;
        let runtime = Mutex::new(Some(serve(listener, router.clone())?));
        Ok(Self { address, router, runtime })
    }

    /// The address it listens on.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes the listener and every connection. New ones are refused once this returns.
    pub(crate) fn down(&self) {
        let runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(runtime) = runtime {
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
    }

    /// Listens again on the same port.
    pub(crate) fn up(&self) -> io::Result<()> {
        let mut runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner);
        if runtime.is_none() {
            *runtime = Some(serve(bind_again(self.address)?, self.router.clone())?);
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.down();
    }
}

/// Another process may briefly hold the port, as the source port of a connection.
fn bind_again(address: SocketAddr) -> io::Result<TcpListener> {
    let patience = Instant::now() + Duration::from_secs(5);
    loop {
        match TcpListener::bind(address) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < patience => {
                std::thread::sleep(Duration::from_millis(20));
            }
            result => return result,
        }
    }
}

fn serve(listener: TcpListener, router: Router) -> io::Result<Runtime> {
    listener.set_nonblocking(true)?;
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("standin")
        .enable_all()
        .build()?;
    let listener = {
        let _inside = runtime.enter();
        TapListener(tokio::net::TcpListener::from_std(listener)?)
    };
    let service = router.into_make_service_with_connect_info::<Connection>();
    runtime.spawn(async move { axum::serve(listener, service).await });
    Ok(runtime)
}
