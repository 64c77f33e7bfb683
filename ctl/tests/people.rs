//! What people read: every command, in both languages.

use std::path::{Path, PathBuf};

use crate::bus::{Bus, ran};
use crate::scripted::Scripted;

#[tokio::test]
async fn status_fits_one_screen_and_aligns_in_chinese() {
    let bus = Bus::start();
    let _daemon = Scripted::start(&bus).await;
    let ran = bus.run(&["status"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for line in [
        "state           idle",
        "version         9.8.7",
        "degraded        audio, tts",
        "mood            calm (valence +0.25, arousal 0.50)",
        "privacy         network=no  remote models=no  microphone=muted",
        "profile         default",
        "memories        12 (33.8 KiB)",
        "models          llm=tiny-llm  asr=empty",
        "audio           connected",
        "up for          1 h 1 min",
    ] {
        assert!(ran.out.lines().any(|l| l == line), "{line:?} is not in\n{}", ran.out);
    }
    let chinese = bus.run(&["--lang", "zh", "status"]).await;
    for line in
        ["状态            空闲", "记忆            12 (33.8 KiB)", "已运行          1 h 1 min"]
    {
        assert!(chinese.out.lines().any(|l| l == line), "{line:?} is not in\n{}", chinese.out);
    }
}

#[tokio::test]
async fn the_locale_chooses_the_language() {
    let bus = Bus::start();
    let _daemon = Scripted::start(&bus).await;
    for (set, chinese) in [("zh_CN.UTF-8", true), ("en_GB.UTF-8", false)] {
        let ran = ran(bus.program(&["status"]).env("LANG", set)).await;
        assert_eq!(ran.out.contains("状态"), chinese, "{set}: {}", ran.out);
    }
}

#[tokio::test]
async fn an_answer_comes_with_its_waterfall() {
    let bus = Bus::start();
    let daemon = Scripted::start(&bus).await;
    let ran = bus.run(&["ask", "我叫什么名字", "--aloud"]).await;
    assert!(
        ran.out.starts_with("你叫小明。很高兴！\nhappy · answered by model · heard"),
        "{ran:?}"
    );
    assert!(ran.out.contains("rests on m1, m2"), "{ran:?}");
    let bars: Vec<&str> = ran.out.lines().filter(|l| l.ends_with(" ms")).collect();
    assert_eq!(bars.len(), 6, "{ran:?}");
    assert!(
        bars[4].starts_with("first audio") && bars[4].contains('█') && bars[4].contains("240.0")
    );
    assert!(!ran.out.contains('\x1b'), "a pipe gets no colours");
    assert_eq!(daemon.calls(), ["ask 我叫什么名字 aloud=true"]);
    let colour = bus.run(&["--color", "always", "ask", "x"]).await;
    assert!(colour.out.contains("\x1b["));
}

#[tokio::test]
async fn memories_are_kept_listed_forgotten_and_brought_back() {
    let bus = Bus::start();
    let daemon = Scripted::start(&bus).await;
    let empty = bus.run(&["memory", "list"]).await;
    assert!(empty.out.contains("companionctl memory add"), "{empty:?}");
    let empty = bus.run(&["--lang", "zh", "memory", "list"]).await;
    assert!(empty.out.contains("还没有任何记忆"), "{empty:?}");
    assert_eq!(bus.run(&["memory", "add", "我叫小明", "--core"]).await.out, "Remembered as m1\n");
    assert_eq!(bus.run(&["memory", "add", "I like\ttea\x1b[2J"]).await.out, "Remembered as m2\n");
    let list = bus.run(&["memory", "list", "--limit", "5", "--offset", "0"]).await.out;
    assert_eq!(
        list,
        "m2  2023-11-14 22:13        I like tea [2J\nm1  2023-11-14 22:13  core  我叫小明\n"
    );
    assert!(daemon.calls().contains(&"list limit=5 offset=0".to_owned()));
    let found = bus.run(&["memory", "search", "小明"]).await.out;
    assert_eq!(found, "m1  0.87 both  2023-11-14 22:13  core  我叫小明\n");
    let none = bus.run(&["memory", "search", "nothing"]).await.out;
    assert_eq!(none, "No memory matches.\n");
    let forgotten = bus.run(&["memory", "forget", "m1", "m2"]).await.out;
    assert_eq!(forgotten, "Forgotten. To undo: companionctl memory undo u1\n");
    assert_eq!(bus.run(&["memory", "undo", "u1"]).await.out, "Brought back m1, m2\n");
    assert_eq!(bus.run(&["memory", "explain", "7"]).await.out, "m1  我叫小明\n");
    assert!(bus.run(&["memory", "explain", "8"]).await.out.contains("rested on no memory"));
}

#[tokio::test]
async fn who_has_no_model_learns_how_to_put_one_in() {
    let bus = Bus::start();
    let _daemon = Scripted::empty(&bus).await;
    let list = bus.run(&["model", "list"]).await.out;
    for words in
        ["/var/lib/companion/models", "Qwen2.5-7B-Instruct", "SenseVoiceSmall", "am.mvn", "rescan"]
    {
        assert!(list.contains(words), "{words} is not in\n{list}");
    }
    let chinese = bus.run(&["--lang", "zh", "model", "list"]).await.out;
    assert!(
        chinese.contains("没有找到任何模型") && chinese.contains("model.safetensors.index.json")
    );
    let help = bus.run(&["model", "--help"]).await.out;
    assert!(help.contains("am.mvn") && help.contains("name of its directory"), "{help}");
    let profiles = bus.run(&["profile", "list"]).await.out;
    assert!(profiles.contains("companionctl profile import"), "{profiles}");
}

#[tokio::test]
async fn models_and_profiles_are_listed_and_shown() {
    let bus = Bus::start();
    let daemon = Scripted::start(&bus).await;
    let list = bus.run(&["model", "list"]).await.out;
    assert_eq!(list, "tiny-llm  llm  qwen2  loaded  → llm  14.0 GiB\n");
    let rescan = bus.run(&["model", "rescan"]).await.out;
    assert!(rescan.starts_with("1 models found\ntiny-llm"), "{rescan}");
    let shown = bus.run(&["model", "show", "tiny-llm"]).await.out;
    assert!(shown.contains("architecture    qwen2\n"), "{shown}");
    assert_eq!(bus.run(&["model", "unload", "tiny-llm"]).await.out, "unloaded tiny-llm\n");
    let list = bus.run(&["profile", "list"]).await.out;
    assert_eq!(list, "default  Pal  default  balanced  zh  active\n");
    let list = bus.run(&["--lang", "zh", "profile", "list"]).await.out;
    assert_eq!(list, "default  小伴  default  balanced  zh  使用中\n");
    assert!(bus.run(&["profile", "show", "default"]).await.out.contains("zh  温柔"));
    bus.run(&["profile", "use", "default"]).await;
    assert!(daemon.calls().contains(&"activate default".to_owned()));
    assert_eq!(bus.run(&["profile", "export", "default"]).await.out, "key = \"default\"\n");
    let file = bus.folder().join("card.toml");
    let file = file.to_str().unwrap();
    assert_eq!(bus.run(&["profile", "export", "default", file]).await.code, Some(0));
    assert_eq!(bus.run(&["profile", "import", file, "--key", "star"]).await.code, Some(0));
    assert!(daemon.calls().contains(&"import key = \"default\" key=star".to_owned()));
}

#[tokio::test]
async fn sound_devices_are_shown_and_chosen() {
    let bus = Bus::start();
    let daemon = Scripted::start(&bus).await;
    let shown = bus.run(&["audio"]).await.out;
    assert!(shown.contains("microphone  companion.mic  #42"), "{shown}");
    assert!(shown.contains("-12.0 dBFS, RMS -24.5 dBFS"), "{shown}");
    for arguments in
        [&["input", "usb.mic"][..], &["output", "default"][..], &["mute"][..], &["unmute"][..]]
    {
        let all: Vec<&str> = ["audio"].iter().chain(arguments).copied().collect();
        assert_eq!(bus.run(&all).await.code, Some(0), "{all:?}");
    }
    assert_eq!(daemon.calls(), ["input [usb.mic]", "output []", "mute true", "mute false"]);
}

#[tokio::test]
async fn findings_come_worst_first_and_what_was_said_is_told() {
    let bus = Bus::start();
    let daemon = Scripted::start(&bus).await;
    let found = bus.run(&["diagnose"]).await.out;
    assert!(
        found.starts_with("error  model.slot-empty  The slot asr is empty\n    Load a model\n"),
        "{found}"
    );
    assert!(found.contains("companionctl model list") && found.contains("note  a.note"), "{found}");
    let stopped = bus.run(&["interrupt"]).await.out;
    assert_eq!(stopped, "heard until then 你叫小明。\n");
    let said = bus.run(&["say", "早上好", "--emotion", "happy", "--wait"]).await.out;
    assert!(said.starts_with("早上好\nhappy · heard"), "{said}");
    assert!(daemon.calls().contains(&"say 早上好 emotion=happy".to_owned()));
}

#[tokio::test]
async fn a_text_is_handed_over_with_its_options_and_steered_by_its_number() {
    let bus = Bus::start();
    let daemon = Scripted::start(&bus).await;
    let options = ["--priority", "progress", "--coalesce", "copy", "--voice", "mia"];
    let more = ["--language", "zh", "--intensity", "0.5"];
    let all: Vec<&str> = ["say", "完成一半"].iter().chain(&options).chain(&more).copied().collect();
    let said = bus.run(&all).await;
    assert_eq!((said.code, said.out.as_str()), (Some(0), "7\n"), "{said:?}");
    let call = "say 完成一半 emotion= priority=progress coalesce=copy voice=mia language=zh \
                intensity=0.5";
    assert_eq!(daemon.calls(), [call]);
    assert_eq!(bus.run(&["say", "你好"]).await.out, "7\n");
    assert_eq!(bus.run(&["say", "--pause", "7"]).await.out, "7 paused\n");
    assert_eq!(bus.run(&["--lang", "zh", "say", "--cancel", "7"]).await.out, "7 已取消\n");
    assert_eq!(bus.run(&["say", "--resume", "7"]).await.code, Some(66));
    let unknown = bus.run(&["say", "--pause", "8"]).await;
    assert_eq!(unknown.code, Some(66), "{unknown:?}");
    assert_eq!(bus.run(&["say"]).await.code, Some(64));
    assert_eq!(bus.run(&["say", "x", "--cancel", "7"]).await.code, Some(64));
    assert_eq!(bus.run(&["say", "x", "--priority", "loud"]).await.code, Some(64));
    let busy = bus.run(&["say", "Busy"]).await;
    assert_eq!(busy.code, Some(75), "{busy:?}");
    let dropped = bus.run(&["say", "fail", "--wait"]).await;
    assert!(dropped.code == Some(130) && dropped.err.contains("busy"), "{dropped:?}");
}

#[tokio::test]
async fn a_text_may_come_from_stdin() {
    let bus = Bus::start();
    let daemon = Scripted::start(&bus).await;
    let file = bus.folder().join("text");
    std::fs::write(&file, "first line\n第二行").unwrap();
    let stdin = std::fs::File::open(&file).unwrap();
    let said = crate::bus::ran(bus.program(&["say", "-", "--wait"]).stdin(stdin)).await;
    assert!(said.out.starts_with("first line\n第二行\n"), "{said:?}");
    assert_eq!(daemon.calls(), ["say first line\n第二行 emotion="]);
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[tokio::test]
async fn words_and_voices_are_shown_and_an_unknown_word_is_an_error() {
    let bus = Bus::start();
    let daemon = Scripted::start(&bus).await;
    let empty = bus.run(&["voice", "words"]).await;
    assert!(empty.out.contains("companionctl voice word"), "{empty:?}");
    let added = bus.run(&["voice", "word", "重庆", "chong2 qing4"]).await;
    assert_eq!(added.out, "重庆 said as chong2 qing4\n", "{added:?}");
    assert_eq!(daemon.calls(), ["pronounce 重庆 chong2 qing4"]);
    let words = bus.run(&["voice", "words"]).await;
    assert!(words.out.contains("重庆") && words.out.contains("chong2 qing4"), "{words:?}");
    let gone = bus.run(&["voice", "forget-word", "长沙"]).await;
    assert!(gone.code != Some(0) && gone.err.contains("长沙"), "{gone:?}");
    let voices = bus.run(&["--lang", "zh", "voice", "list"]).await;
    assert!(voices.out.contains("小伴") && voices.out.contains("使用中"), "{voices:?}");
    assert!(voices.out.contains("no calm"), "{voices:?}");
    let wav = root().join("tests/golden/gpt-sovits/ref_c.wav");
    let wav = wav.to_str().unwrap();
    let import = |emotion| ["voice", "import", "mia", emotion, wav, "--text", "你好", "--force"];
    let taken = bus.run(&import("calm")).await;
    assert!(taken.out.contains("mia / calm") && taken.out.contains("4.2 s"), "{taken:?}");
    assert!(
        daemon.calls().iter().any(|c| c.starts_with("import mia calm 你好") && c.ends_with("true"))
    );
    let refused = bus.run(&import("fail")).await;
    assert!(refused.code != Some(0) && refused.err.contains("noisy"), "{refused:?}");
    let heard = bus.run(&["voice", "heard", "--json"]).await;
    assert!(
        heard.out.contains("\"listened\": 7") || heard.out.contains("\"listened\":7"),
        "{heard:?}"
    );
}
