//! `chat`: a conversation in the terminal. Written lines go in, tokens come out as they are made, and
//! spoken turns are shown as they happen. In a pipe it is plain text, one question after another.

use std::collections::{BTreeSet, VecDeque};
use std::io::IsTerminal as _;
use std::time::Duration;

use companion_bus::Dict;
use companion_bus::session::SessionProxy;
use companion_bus::types::put;
use tokio::io::{AsyncReadExt as _, Stdin, stdin};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, timeout};

use self::editor::{Action, Editor};
use self::screen::{Raw, Screen, columns};
use self::tags::Tags;
use super::{Context, Gone};
use crate::events::{Event, EventStream};
use crate::exit::{Failure, Outcome};
use crate::messages::{Message, word};
use crate::output::{Output, clean, one_line};

mod editor;
mod screen;
mod tags;

/// A second Ctrl-C within this time quits.
const TWICE: Duration = Duration::from_secs(2);
/// How long the daemon may take to answer a short call.
const CALL: Duration = Duration::from_secs(10);

const BOLD: Option<u8> = Some(1);
const DIM: Option<u8> = Some(2);

pub(crate) async fn run(context: &Context, output: &mut Output, quiet: bool) -> Outcome {
    let (session, mut gone) = context.session("node").await?;
    let stream = session.open_events(Vec::new(), Dict::new()).await?;
    let events = EventStream::new(stream.into())?;
    let typed_echoes = std::io::stdin().is_terminal();
    let raw = if output.live { Raw::enter() } else { None };
    let mut chat = Chat {
        screen: Screen::new(raw.is_some()),
        echo: raw.is_some() || !typed_echoes,
        output,
        session,
        quiet,
        typed: VecDeque::new(),
        waiting: BTreeSet::new(),
        replying: None,
        tags: Tags::default(),
        stopped_at: None,
    };
    let done = chat.converse(events, &mut gone).await;
    let close = chat.screen.close();
    chat.output.piece(&close)?;
    drop(raw);
    // The session ends with the connection too.
    let _ = timeout(CALL, chat.session.close(Dict::new())).await;
    done
}

struct Chat<'a> {
    output: &'a mut Output,
    screen: Screen,
    session: SessionProxy<'static>,
    quiet: bool,
    /// Whether written lines have to be shown, because nobody else does.
    echo: bool,
    /// Written lines whose transcript is still to come; it is not shown again.
    typed: VecDeque<String>,
    /// Written turns that are not over.
    waiting: BTreeSet<u64>,
    /// The turn whose reply is being shown.
    replying: Option<u64>,
    tags: Tags,
    stopped_at: Option<Instant>,
}

impl Chat<'_> {
    async fn converse(&mut self, mut events: EventStream, gone: &mut Gone) -> Outcome {
        let mut keys = stdin();
        let mut breaks = signal(SignalKind::interrupt())?;
        let mut editor = Editor::default();
        let mut lines: VecDeque<String> = VecDeque::new();
        let mut input_over = false;
        if self.screen.live {
            let state = self.session.state().await?;
            self.screen.prompt.state = word(self.output.lang, &state).to_owned();
            let help = format!("{}\n", self.output.text(Message::ChatHelp));
            self.show(&help, DIM)?;
        }
        loop {
            // A pipe asks one thing after another; a person may break in.
            if (self.screen.live || self.waiting.is_empty())
                && let Some(line) = lines.pop_front()
            {
                self.send(&line).await?;
                continue;
            }
            if input_over && lines.is_empty() && self.waiting.is_empty() {
                return Ok(());
            }
            let mut buffer = [0; 1024];
            tokio::select! {
                biased;
                Some(()) = breaks.recv() => {
                    if self.stop().await? {
                        return Ok(());
                    }
                }
                left = gone.wait() => return Err(left),
                event = events.next() => {
                    let closed = || Failure::new("Unavailable", "companiond closed the session: see its log");
                    self.happened(&event?.ok_or_else(closed)?)?;
                }
                read = read(&mut keys, &mut buffer), if !input_over && lines.len() < 64 => {
                    let read = read?;
                    input_over = read == 0;
                    for byte in &buffer[..read] {
                        match editor.feed(*byte) {
                            Some(Action::Line(line)) => lines.push_back(line),
                            Some(Action::End) => input_over = true,
                            Some(Action::Edited) | None => {}
                        }
                    }
                    if input_over {
                        lines.extend(editor.rest());
                    }
                    self.screen.prompt.input = one_line(editor.text());
                    self.redraw()?;
                }
            }
        }
    }

    async fn send(&mut self, line: &str) -> Outcome {
        let line = line.trim();
        if line.is_empty() {
            return Ok(());
        }
        if self.echo && !self.output.json {
            self.speaker(Message::You)?;
            self.show(&format!("{}\n", one_line(line)), None)?;
        }
        let mut options = Dict::new();
        put(&mut options, "aloud", !self.quiet);
        let late = |_| Failure::new("DeadlineExceeded", "companiond took no text within 10 s");
        self.typed.push_back(line.to_owned());
        let sent = timeout(CALL, self.session.send_text(line.to_owned(), options)).await;
        self.waiting.insert(sent.map_err(late)??);
        Ok(())
    }

    /// Ctrl-C: the first breaks the reply, a second one soon after quits.
    async fn stop(&mut self) -> Outcome<bool> {
        let soon = self.stopped_at.is_some_and(|at| at.elapsed() < TWICE);
        self.stopped_at = Some(Instant::now());
        if soon {
            return Ok(true);
        }
        let stopped =
            timeout(CALL, self.session.interrupt("keyboard".to_owned(), Dict::new())).await;
        // There may be nothing to break; what went wrong will show in the events.
        if let Ok(Ok(heard)) = stopped
            && heard.is_empty()
            && self.replying.is_none()
            && !self.output.json
        {
            let help = format!("{}\n", self.output.text(Message::ChatHelp));
            self.show(&help, DIM)?;
        }
        Ok(false)
    }

    fn happened(&mut self, event: &Event) -> Outcome {
        if event.kind() == "turn" {
            self.waiting.remove(&event.turn());
        }
        if self.output.json {
            self.output.value(&event.0)?;
            return Ok(());
        }
        match event.kind() {
            "state" => {
                self.screen.prompt.state = word(self.output.lang, event.text("state")).to_owned();
                self.redraw()
            }
            "level" => {
                self.screen.prompt.level_dbfs = event.number("peak_dbfs");
                self.redraw()
            }
            "emotion" => self.feels(event.text("emotion")),
            "clause" => self.feels(event.text("emotion")),
            "transcript" => self.heard(event),
            "token" => self.token(event),
            "turn" => self.over(event),
            _ => Ok(()),
        }
    }

    fn feels(&mut self, emotion: &str) -> Outcome {
        self.screen.prompt.emotion = word(self.output.lang, emotion).to_owned();
        self.redraw()
    }

    fn heard(&mut self, event: &Event) -> Outcome {
        let text = one_line(event.text("text"));
        if self.typed.front().is_some_and(|line| *line == event.text("text")) {
            self.typed.pop_front();
            return Ok(());
        }
        self.speaker(Message::You)?;
        self.show(&text, None)?;
        let parts = [event.text("language"), word(self.output.lang, event.text("emotion"))];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        self.show(&format!("  ({})\n", clean(&parts.join(", "))), DIM)
    }

    fn token(&mut self, event: &Event) -> Outcome {
        if self.replying != Some(event.turn()) {
            self.replying = Some(event.turn());
            self.tags = Tags::default();
            self.speaker(Message::Companion)?;
        }
        let text = self.tags.text(&clean(event.text("text")));
        if text.is_empty() { Ok(()) } else { self.show(&text, None) }
    }

    fn over(&mut self, event: &Event) -> Outcome {
        let turn = event.turn_result();
        self.typed.retain(|line| *line != turn.transcript);
        if self.replying == Some(turn.turn) {
            let rest = self.tags.rest();
            self.show(&rest, None)?;
        } else if !turn.text.is_empty() {
            // A reply that was not made of tokens, such as one by a rule.
            self.speaker(Message::Companion)?;
            self.show(&clean(&turn.text), None)?;
        }
        self.replying = None;
        let lang = self.output.lang;
        let mut parts = vec![word(lang, &turn.emotion).to_owned()];
        if turn.outcome != "heard" {
            parts.push(word(lang, &turn.outcome).to_owned());
        }
        for (key, label) in
            [("first_token", Message::FirstToken), ("first_audio", Message::FirstAudio)]
        {
            if let Some(ms) = turn.latency_ms.get(key) {
                parts.push(format!("{} {ms:.0} ms", self.output.text(label)));
            }
        }
        parts.retain(|part| !part.is_empty());
        self.show(&format!("  ({})\n", clean(&parts.join(" · "))), DIM)
    }

    /// Who speaks, at the beginning of a line.
    fn speaker(&mut self, who: Message) -> Outcome {
        let colon = self.output.text(Message::Colon);
        let begin = if self.screen.mid_line() { "\n" } else { "" };
        let who = format!("{begin}{}{colon}", self.output.text(who));
        self.show(&who, BOLD)
    }

    fn show(&mut self, text: &str, look: Option<u8>) -> Outcome {
        let look = look.filter(|_| self.output.colors());
        let bytes = self.screen.text(text, look, columns());
        self.output.piece(&bytes)?;
        Ok(())
    }

    fn redraw(&mut self) -> Outcome {
        let bytes = self.screen.redraw(columns());
        if !bytes.is_empty() {
            self.output.piece(&bytes)?;
        }
        Ok(())
    }
}

/// Reads the keyboard or the pipe. A read that is dropped loses nothing: tokio keeps what its thread got.
async fn read(keys: &mut Stdin, buffer: &mut [u8]) -> Outcome<usize> {
    keys.read(buffer)
        .await
        .map_err(|e| Failure::new("Unavailable", format!("reading the input: {e}")))
}
