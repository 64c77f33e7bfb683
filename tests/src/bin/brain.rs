//! `brain [MODEL]`: how well a language model answers the held-out cases of the starter brain, through the daemon's
//! own rules, prompt, generator and tag parser; printed with the rules and without them.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Parser;
use companion_dialogue::{
    Check, Generator as _, Moment, Prompt, PromptBuilder, PromptParts, RuleInput, Rules,
};
use companion_emotion::TagParser;
use companion_types::{
    Cancel, Emotion, EmotionSet, GenerationProfile, Language, MemoryHit, MemoryId, MemoryNote,
    MemoryOrigin, PersonaProfile, RecallSource, ReplyDelta, Round, SamplingParams, TurnId,
};
use companiond::{LmGenerator, LmOptions};
use serde::Deserialize;

/// Measures a language model on held-out cases, with and without the rules.
#[derive(Debug, Parser)]
#[command(name = "brain", version)]
struct Arguments {
    /// The model's directory.
    #[arg(default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/companion-brain-starter"))]
    model: PathBuf,
    /// The cases, one JSON object a line; `models/starter/README.md` explains them.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/starter/brain/heldout.jsonl"))]
    cases: PathBuf,
    /// Wrong answers to print of every kind.
    #[arg(long, default_value_t = 0)]
    show: usize,
    /// Only every n-th case.
    #[arg(long, default_value_t = 1)]
    every: usize,
}

#[derive(Debug, Deserialize)]
struct Case {
    lang: String,
    kind: String,
    now: String,
    name: String,
    persona: String,
    mood: String,
    #[serde(default)]
    core: Vec<Memory>,
    #[serde(default)]
    memories: Vec<Memory>,
    #[serde(default)]
    history: Vec<[String; 2]>,
    question: String,
    expect: Expected,
}

#[derive(Debug, Deserialize)]
struct Memory {
    date: String,
    said: bool,
    text: String,
}

#[derive(Debug, Deserialize)]
struct Expected {
    #[serde(default)]
    value: Option<String>,
    #[serde(default)]
    any: Vec<String>,
    #[serde(default)]
    not: Vec<String>,
    #[serde(default)]
    emotions: Vec<String>,
}

impl Expected {
    /// Whether the words are right; cases about feelings ask for none.
    fn fits(&self, body: &str) -> bool {
        let low = body.to_lowercase();
        let holds = |v: &String| low.contains(&v.to_lowercase());
        match &self.value {
            Some(value) => holds(value),
            None => {
                !self.not.iter().any(holds) && (self.any.is_empty() || self.any.iter().any(holds))
            }
        }
    }
}

struct Reply {
    emotion: Emotion,
    tagged: bool,
    text: String,
}

#[derive(Debug, Default)]
struct Tally {
    count: usize,
    by_rule: usize,
    tagged: usize,
    right: usize,
    fitting: usize,
}

impl Tally {
    fn share(&self, part: usize) -> f64 {
        100.0 * part as f64 / self.count.max(1) as f64
    }
}

fn note(id: usize, memory: &Memory) -> anyhow::Result<MemoryNote> {
    let noon: jiff::civil::DateTime = format!("{}T12:00", memory.date).parse()?;
    Ok(MemoryNote {
        id: MemoryId(id as u64 + 1),
        text: memory.text.clone(),
        origin: if memory.said { MemoryOrigin::Said } else { MemoryOrigin::Note },
        turn: None,
        created_s: noon.to_zoned(jiff::tz::TimeZone::UTC)?.timestamp().as_second(),
        core: false,
    })
}

/// A case as the rooms see it.
struct Scene {
    language: Language,
    moment: Moment,
    persona: PersonaProfile,
    core: Vec<MemoryNote>,
    hits: Vec<MemoryHit>,
    rounds: Vec<Round>,
}

impl Scene {
    fn new(case: &Case) -> anyhow::Result<Self> {
        let now: jiff::civil::DateTime = case.now.parse()?;
        let core: Vec<_> =
            case.core.iter().enumerate().map(|(n, m)| note(n, m)).collect::<Result<_, _>>()?;
        let mut hits = Vec::new();
        for (n, memory) in case.memories.iter().enumerate() {
            let note = note(core.len() + n, memory)?;
            hits.push(MemoryHit { note, score: 1.0, source: RecallSource::Both });
        }
        let language = if case.lang == "zh" { Language::Zh } else { Language::En };
        Ok(Self {
            language,
            moment: Moment(now.to_zoned(jiff::tz::TimeZone::UTC)?),
            persona: PersonaProfile {
                key: "case".into(),
                name_zh: case.name.clone(),
                name_en: case.name.clone(),
                persona_zh: case.persona.clone(),
                persona_en: case.persona.clone(),
                voice: "default".into(),
                language,
                generation: GenerationProfile::Fast,
            },
            core,
            hits,
            rounds: case
                .history
                .iter()
                .map(|[user, assistant]| Round { user: user.clone(), assistant: assistant.clone() })
                .collect(),
        })
    }

    fn rule(&self, rules: &Rules, case: &Case) -> Option<Reply> {
        let answer = rules.answer(&RuleInput {
            text: &case.question,
            language: self.language,
            moment: &self.moment,
            persona: &self.persona,
            last: self.rounds.last(),
            core: &self.core,
            hits: &self.hits,
        })?;
        Some(Reply { emotion: answer.emotion, tagged: true, text: answer.text })
    }

    /// What stands instead of the model's answer where the check finds it wrong.
    fn checked(&self, alone: &Reply, case: &Case) -> Option<Reply> {
        let check = Check {
            input: &case.question,
            language: self.language,
            core: &self.core,
            hits: &self.hits,
            turn: case.question.len() as u64,
        };
        let answer = check.correction(&alone.emotion, &alone.text)?;
        Some(Reply { emotion: answer.emotion, tagged: true, text: answer.text })
    }

    fn model(
        &self,
        llm: &mut LmGenerator,
        emotions: &Arc<EmotionSet>,
        case: &Case,
    ) -> anyhow::Result<Reply> {
        let mood = emotions.find(&case.mood).context("mood")?;
        let label = emotions.label(&mood).context("mood")?;
        let parts = PromptParts {
            persona: &self.persona,
            language: self.language,
            core: &self.core,
            rounds: &self.rounds,
            memories: &self.hits,
            moment: &self.moment,
            mood: if self.language == Language::Zh { &label.zh } else { &label.en },
            input: &case.question,
        };
        let counter = llm.counter();
        let built = PromptBuilder::new(emotions, llm.max_context()).build(&parts, &counter)?;
        let params = SamplingParams {
            max_new_tokens: 64,
            temperature: 0.0,
            repetition_penalty: 1.0,
            ..SamplingParams::default()
        };
        let prompt =
            Prompt { turn: TurnId(1), messages: built.messages, params, begins_with: Vec::new() };
        let mut parser = TagParser::new(Arc::clone(emotions), Emotion::CALM);
        let mut text = String::new();
        let mut take = |deltas: Vec<ReplyDelta>| {
            for delta in deltas {
                text.push_str(&delta.text);
            }
        };
        llm.generate(&prompt, &Cancel::new(), &mut |delta| {
            take(parser.push(&delta.text));
            ControlFlow::Continue(())
        })?;
        take(parser.finish());
        Ok(Reply { emotion: parser.emotion().clone(), tagged: parser.tag_seen(), text })
    }
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut llm =
        LmGenerator::load(&arguments.model, &LmOptions { context: 4096, ..LmOptions::default() })?;
    let (emotions, rules) = (Arc::new(EmotionSet::default()), Rules::default());
    let cases = std::fs::read_to_string(&arguments.cases)
        .with_context(|| arguments.cases.display().to_string())?;
    let mut out = io::stdout();
    let mut table: BTreeMap<(String, String, bool), Tally> = BTreeMap::new();
    for line in cases.lines().step_by(arguments.every.max(1)) {
        let case: Case = serde_json::from_str(line)?;
        let scene = Scene::new(&case)?;
        let alone = scene.model(&mut llm, &emotions, &case)?;
        let rule = scene.rule(&rules, &case).or_else(|| scene.checked(&alone, &case));
        for (with_rules, reply) in [(false, &alone), (true, rule.as_ref().unwrap_or(&alone))] {
            let key = (case.lang.clone(), case.kind.clone(), with_rules);
            let tally = table.entry(key).or_default();
            let expected = &case.expect;
            let right = expected.fits(&reply.text);
            let fitting = expected.emotions.is_empty()
                || expected.emotions.iter().any(|e| e == reply.emotion.key());
            tally.count += 1;
            tally.by_rule += usize::from(with_rules && rule.is_some());
            tally.tagged += usize::from(reply.tagged);
            tally.right += usize::from(right);
            tally.fitting += usize::from(fitting);
            let wrong = if case.kind.starts_with("emotion") { !fitting } else { !right };
            if wrong && with_rules && tally.count - tally.right.min(tally.fitting) <= arguments.show
            {
                let who = if rule.is_some() { "rule" } else { "model" };
                let known = case.core.iter().chain(&case.memories).map(|m| m.text.as_str());
                let known = known.collect::<Vec<_>>().join("; ");
                let (kind, question) = (&case.kind, &case.question);
                writeln!(
                    out,
                    "{kind}: {question} | {who}: [{}] {} | {known}",
                    reply.emotion, reply.text
                )?;
            }
        }
    }
    writeln!(
        out,
        "| language | kind | cases | right, alone | right, with rules | of these by a rule | fitting emotion, alone | with rules | tag, alone |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|---|---|")?;
    for ((lang, kind, with_rules), tally) in &table {
        if *with_rules {
            let alone = &table[&(lang.clone(), kind.clone(), false)];
            writeln!(
                out,
                "| {lang} | {kind} | {} | {:.0} % | {:.0} % | {:.0} % | {:.0} % | {:.0} % | {:.0} % |",
                tally.count,
                alone.share(alone.right),
                tally.share(tally.right),
                tally.share(tally.by_rule),
                alone.share(alone.fitting),
                tally.share(tally.fitting),
                alone.share(alone.tagged),
            )?;
        }
    }
    Ok(())
}
