//! `ask`: a written question, and its whole answer.

use companion_bus::types::put;
use companion_bus::{Dict, TurnResult};

use super::{Context, reply};
use crate::exit::Outcome;
use crate::messages::Message;
use crate::output::Output;

pub(crate) async fn run(
    context: &Context,
    output: &mut Output,
    text: String,
    aloud: bool,
) -> Outcome {
    let manager = context.manager().await?;
    let mut options = Dict::new();
    put(&mut options, "aloud", aloud);
    let call = |options| manager.ask(text, options);
    let result = context.finish(output, Message::Waiting, options, call).await?;
    let turn = TurnResult::from_dict(&result);
    if output.json {
        output.value(&reply::to_json(&turn))?;
        return Ok(());
    }
    reply::show(output, &turn)
}
