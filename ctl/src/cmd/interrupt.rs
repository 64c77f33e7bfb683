//! `interrupt`: ends whatever is being said.

use companion_bus::Dict;
use serde_json::json;

use super::Context;
use crate::exit::Outcome;
use crate::messages::Message;
use crate::output::{Output, clean};

pub(crate) async fn run(context: &Context, output: &mut Output) -> Outcome {
    let heard = context.manager().await?.stop_all(Dict::new()).await?;
    if output.json {
        output.value(&json!({ "heard_text": heard }))?;
    } else if heard.is_empty() {
        output.line(output.text(Message::NothingSaid))?;
    } else {
        output.field(Message::HeardUntil, clean(&heard))?;
    }
    Ok(())
}
