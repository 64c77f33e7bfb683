//! The service behind `Health1`.

use std::collections::HashMap;
use std::sync::Arc;

use companion_bus::Result;
use companion_bus::health::HealthService;
use companion_bus::types::{Issue, StageHealth};

use super::convert::waiting;
use super::desk::Service;
use crate::diagnose::diagnose;

impl HealthService for Service {
    async fn diagnose(&self) -> Result<Vec<Issue>> {
        let desk = Arc::clone(&self.0);
        let found = waiting(move || Ok(diagnose(&desk.app, &desk.devices.status()))).await?;
        let issue = |f: crate::diagnose::Finding| Issue {
            id: f.id.to_owned(),
            severity: f.severity,
            issue: f.issue,
            recommendation: f.recommendation,
            command: f.command,
        };
        Ok(found.into_iter().map(issue).collect())
    }

    fn stages(&self) -> HashMap<String, StageHealth> {
        let row = |report: crate::health::StageReport| {
            let health = StageHealth {
                state: report.state.name().to_owned(),
                restarts: report.restarts,
                heartbeat_age_us: u64::try_from(report.age.as_micros()).unwrap_or(u64::MAX),
            };
            (report.stage.to_owned(), health)
        };
        self.0.app.health().report().into_iter().map(row).collect()
    }

    fn uptime(&self) -> u64 {
        self.0.app.health().uptime().as_secs()
    }
}
