//! The flags of companiond.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::config::{BusChoice, ConfigError, ConfigSources, Settings, load};

/// Where the file lies that need not be there.
const DEFAULT_FILE: &str = "/etc/companion/companion.toml";

/// Which bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BusArgument {
    /// The system bus: the appliance.
    System,
    /// The session bus: desktops and tests.
    Session,
}

/// The local AI companion: listens, remembers, thinks, feels and speaks on this machine.
///
/// Settings come from built-in defaults, the configuration file, conf.d/*.toml beside it, variables
/// COMPANION_SECTION_KEY, and --set, each over the one before.
#[derive(Debug, Parser)]
#[command(name = "companiond", version)]
pub struct Arguments {
    /// Configuration file; unlike /etc/companion/companion.toml it must be there when named.
    #[arg(long, env = "COMPANION_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Which bus to offer the interfaces on.
    #[arg(long, env = "COMPANION_BUS")]
    pub bus: Option<BusArgument>,
    /// One setting, such as `memory.top_k=5`; may be given often.
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    pub set: Vec<String>,
    /// What goes to the log: error, warn, info, debug, or a filter such as `info,companiond=debug`. What
    /// people say is logged at debug only.
    #[arg(long, env = "COMPANION_LOG", default_value = "info")]
    pub log: String,
    /// Prints the settings in force and ends; with an error when they cannot be used.
    #[arg(long)]
    pub check_config: bool,
}

impl Arguments {
    /// The settings of this run.
    ///
    /// # Errors
    /// When a layer cannot be used.
    pub fn settings(
        &self,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Settings, ConfigError> {
        let sources = ConfigSources {
            file: Some(self.config.clone().unwrap_or_else(|| DEFAULT_FILE.into())),
            optional: self.config.is_none(),
            environment: environment.collect(),
            flags: self.set.clone(),
        };
        let mut settings = load(&sources)?;
        match self.bus {
            Some(BusArgument::System) => settings.bus.kind = BusChoice::System,
            Some(BusArgument::Session) => settings.bus.kind = BusChoice::Session,
            None => {}
        }
        Ok(settings)
    }
}
