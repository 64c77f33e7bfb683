//! What every client needs: a connection, and the end of a request without missing it.

use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::{StreamExt as _, select_biased};
use zbus::{Connection, OwnedObjectPath};

use crate::names::request_path;
use crate::request::RequestProxy;
use crate::types::{Dict, get, put};
use crate::{Error, Result};

/// Which bus.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum BusKind {
    /// The system bus: the appliance.
    #[default]
    System,
    /// The session bus: desktops and tests.
    Session,
}

/// Connects.
///
/// # Errors
/// When the bus cannot be reached.
pub async fn connect(kind: BusKind) -> Result<Connection> {
    let found = match kind {
        BusKind::System => Connection::system().await,
        BusKind::Session => Connection::session().await,
    };
    found.map_err(|error| {
        let (name, hint) = match kind {
            BusKind::System => {
                ("system", "is dbus-daemon running? For a session bus: --bus session")
            }
            BusKind::Session => ("session", "is DBUS_SESSION_BUS_ADDRESS set?"),
        };
        Error::Unavailable(format!("the {name} bus cannot be reached: {error}; {hint}"))
    })
}

static NEXT: AtomicU32 = AtomicU32::new(1);

/// Starts long work with `call`, which gets options holding the `handle_token`, and waits for its
/// `Response`. `progress` is told of changes, 0..1.
///
/// # Errors
/// What the call or the request failed with.
pub async fn finish<F>(
    connection: &Connection,
    mut options: Dict,
    call: impl FnOnce(Dict) -> F,
    mut progress: impl FnMut(f64),
) -> Result<Dict>
where
    F: Future<Output = Result<OwnedObjectPath>>,
{
    let token = format!("c{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    put(&mut options, "handle_token", token.as_str());
    let sender = connection.unique_name().map(ToString::to_string).unwrap_or_default();
    let path = request_path(&sender, &token);
    let request = RequestProxy::builder(connection)
        .path(path)
        .cache_properties(zbus::proxy::CacheProperties::No)
        .build()
        .await?;
    let mut responses = request.receive_response().await?.fuse();
    let mut gone = request.inner().receive_owner_changed().await?.fuse();
    let mut properties = zbus::fdo::PropertiesProxy::builder(connection)
        .destination(crate::names::BUS_NAME)
        .path(request.inner().path().to_owned())
        .build()
        .await?
        .receive_properties_changed()
        .await?
        .fuse();
    call(options).await?;
    loop {
        select_biased! {
            signal = responses.next() => {
                let signal = signal.ok_or_else(lost)?;
                let body = signal.args()?;
                let (code, result) = (*body.code(), body.result());
                if code == 0 {
                    return Ok(result.iter().filter_map(|(k, v)| Some((k.clone(), v.try_clone().ok()?))).collect());
                }
                let text = get::<String>(result, "message").unwrap_or_default();
                return Err(Error::of_code(code, text));
            }
            change = properties.next() => {
                if let Some(change) = change
                    && let Ok(body) = change.args()
                    && let Some(value) = body.changed_properties().get("Progress")
                    && let Ok(value) = f64::try_from(value)
                {
                    progress(value);
                }
            }
            owner = gone.next() => {
                if matches!(owner, Some(None) | None) {
                    return Err(lost());
                }
            }
        }
    }
}

fn lost() -> Error {
    Error::Unavailable("companiond left the bus before it answered: see its log".to_owned())
}
