//! `diagnose`: what is wrong, and what to do about it.

use std::collections::BTreeMap;

use companion_bus::Dict;
use companion_bus::health::HealthProxy;
use companion_bus::types::{Issue, StageHealth};
use serde_json::{Value, json};

use super::Context;
use crate::exit::Outcome;
use crate::messages::{Message, word};
use crate::output::{Output, Paint, one_line, span};

pub(crate) async fn run(context: &Context, output: &mut Output) -> Outcome {
    let health = HealthProxy::new(&context.connection).await?;
    let mut issues = health.diagnose(Dict::new()).await?;
    issues.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.id.cmp(&b.id)));
    let stages: BTreeMap<String, StageHealth> = health.stages().await?.into_iter().collect();
    let uptime = health.uptime().await?;
    if output.json {
        output.value(&to_json(&issues, &stages, uptime))?;
        return Ok(());
    }
    if issues.is_empty() {
        output.line(output.paint(Paint::Green, output.text(Message::AllWell)))?;
    }
    for issue in &issues {
        show(output, issue)?;
    }
    output.line("")?;
    output.field(Message::Uptime, span(uptime))?;
    let restarts = output.text(Message::Restarts);
    for (name, stage) in &stages {
        let paint = if stage.state == "ok" { Paint::Plain } else { Paint::Yellow };
        let state = output.paint(paint, word(output.lang, &stage.state));
        output.field(Message::Stages, format!("{name}  {state}  {restarts} {}", stage.restarts))?;
    }
    Ok(())
}

fn severity(severity: u32) -> (&'static str, Message, Paint) {
    match severity {
        0 => ("note", Message::Note, Paint::Cyan),
        1 => ("warning", Message::Warning, Paint::Yellow),
        _ => ("error", Message::Error, Paint::Red),
    }
}

fn show(output: &mut Output, issue: &Issue) -> Outcome {
    let (_, label, paint) = severity(issue.severity);
    let label = output.paint(paint, output.text(label));
    output.line(format!("{label}  {}  {}", issue.id, one_line(&issue.issue)))?;
    output.line(format!("    {}", one_line(&issue.recommendation)))?;
    if !issue.command.is_empty() {
        let run = output.text(Message::Run);
        output.line(format!("    {run}: {}", one_line(&issue.command)))?;
    }
    Ok(())
}

fn to_json(issues: &[Issue], stages: &BTreeMap<String, StageHealth>, uptime: u64) -> Value {
    let issue = |issue: &Issue| {
        json!({
            "id": issue.id,
            "severity": severity(issue.severity).0,
            "issue": issue.issue,
            "recommendation": issue.recommendation,
            "command": issue.command,
        })
    };
    let stage = |(name, stage): (&String, &StageHealth)| {
        let value = json!({
            "state": stage.state,
            "restarts": stage.restarts,
            "heartbeat_age_us": stage.heartbeat_age_us,
        });
        (name.clone(), value)
    };
    json!({
        "issues": issues.iter().map(issue).collect::<Vec<_>>(),
        "stages": stages.iter().map(stage).collect::<serde_json::Map<_, _>>(),
        "uptime_s": uptime,
    })
}
