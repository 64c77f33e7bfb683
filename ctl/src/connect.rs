//! Finds the daemon: which bus, and what to say when it is not there.

use std::time::Duration;

use companion_bus::client::{self, BusKind};
use companion_bus::names::BUS_NAME;
use zbus::Connection;
use zbus::fdo::DBusProxy;

use crate::cli::Bus;
use crate::exit::{Failure, Outcome};
use crate::messages::{Lang, Message};

/// How long a look at the other bus may take.
const LOOK: Duration = Duration::from_secs(2);

impl Bus {
    fn kind(self) -> BusKind {
        match self {
            Self::System => BusKind::System,
            Self::Session => BusKind::Session,
        }
    }

    fn other(self) -> Self {
        match self {
            Self::System => Self::Session,
            Self::Session => Self::System,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Session => "session",
        }
    }
}

/// Connects to the bus.
pub(crate) async fn connect(bus: Bus) -> Outcome<Connection> {
    match client::connect(bus.kind()).await {
        Ok(connection) => Ok(connection),
        Err(error) => {
            let failure = Failure::from(error);
            if on_bus(bus.other()).await {
                return Err(failure.hint(format!("--bus {}", bus.other().name())));
            }
            Err(failure)
        }
    }
}

/// Adds to a failure what to do, where the daemon is not on this bus.
pub(crate) async fn with_hint(
    failure: Failure,
    connection: &Connection,
    bus: Bus,
    lang: Lang,
) -> Failure {
    if failure.kind() != "Unavailable" || failure.has_hint() || owned(connection).await {
        return failure;
    }
    let absent = format!("{BUS_NAME} {} ({})", lang.text(Message::NotOnBus), bus.name());
    let failure = Failure::new("Unavailable", absent);
    if on_bus(bus.other()).await {
        let other = bus.other().name();
        return failure.hint(format!("{} --bus {other}", lang.text(Message::OnOtherBus)));
    }
    failure.hint(lang.text(match bus {
        Bus::System => Message::StartSystem,
        Bus::Session => Message::StartSession,
    }))
}

/// Whether the daemon is on the bus that this connection leads to.
async fn owned(connection: &Connection) -> bool {
    let look = async {
        let name = zbus::names::BusName::try_from(BUS_NAME).ok()?;
        DBusProxy::new(connection).await.ok()?.name_has_owner(name).await.ok()
    };
    tokio::time::timeout(LOOK, look).await.ok().flatten().unwrap_or(false)
}

async fn on_bus(bus: Bus) -> bool {
    if bus == Bus::Session && std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_none() {
        return false;
    }
    let look = async {
        let connection = client::connect(bus.kind()).await.ok()?;
        Some(owned(&connection).await)
    };
    tokio::time::timeout(LOOK, look).await.ok().flatten().unwrap_or(false)
}
