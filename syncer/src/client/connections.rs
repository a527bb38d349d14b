//! A pool of connections that requests share. A new connection is opened when all others have as many requests as they take.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use tower::BoxError;

use super::connection::{Connection, Lease, Target};

/// Connections to one API server.
pub(super) struct Connections {
    target: Target,
    state: Mutex<State>,
}

/// A connection that is being opened, for all requests that wait for it.
type Coming = Shared<BoxFuture<'static, Result<(), Failed>>>;

#[derive(Default)]
struct State {
    open: Vec<Connection>,
    coming: Option<Coming>,
    is_without_http2: bool,
}

/// Failure to open a connection that several requests wait for.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
struct Failed(Arc<BoxError>);

impl Connections {
    pub(super) fn to(target: Target) -> Arc<Self> {
        Arc::new(Self {
            target,
            state: Mutex::default(),
        })
    }

    /// Returns a lease for a request, on a new connection if the others have no room. Returns `None` if the other side does not
    /// support HTTP/2.
    pub(super) async fn lease(self: &Arc<Self>) -> Result<Option<Lease>, BoxError> {
        loop {
            let coming = {
                let mut state = self.state();
                if state.is_without_http2 {
                    return Ok(None);
                }
                state.open.retain(Connection::is_open);
                if let Some(lease) = state.open.iter().find_map(Connection::lease) {
                    return Ok(Some(lease));
                }
                let coming = || self.clone().open().boxed().shared();
                state.coming.get_or_insert_with(coming).clone()
            };
            coming.await?;
        }
    }

    async fn open(self: Arc<Self>) -> Result<(), Failed> {
        let made = self.target.connect().await;
        let mut state = self.state();
        state.coming = None;
        match made {
            Ok(Some(connection)) => state.open.push(connection),
            Ok(None) => state.is_without_http2 = true,
            Err(error) => return Err(Failed(Arc::new(error))),
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
