//! Every word that people read, in both languages, side by side. Pure.

use std::env;

use clap::ValueEnum;

/// The `--lang` option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LangChoice {
    /// Chinese
    Zh,
    /// English
    En,
    /// By LC_ALL, LC_MESSAGES or LANG
    Auto,
}

/// The language of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lang {
    Zh,
    En,
}

impl Lang {
    /// By the option, else by the first locale variable that is set.
    pub(crate) fn choose(choice: LangChoice) -> Self {
        match choice {
            LangChoice::Zh => Self::Zh,
            LangChoice::En => Self::En,
            LangChoice::Auto => {
                let set = ["LC_ALL", "LC_MESSAGES", "LANG"]
                    .into_iter()
                    .filter_map(|name| env::var(name).ok())
                    .find(|value| !value.is_empty());
                if set.is_some_and(|value| value.starts_with("zh")) { Self::Zh } else { Self::En }
            }
        }
    }

    /// The words of a message.
    pub(crate) fn text(self, message: Message) -> &'static str {
        let (en, zh) = message.texts();
        match self {
            Self::En => en,
            Self::Zh => zh,
        }
    }
}

macro_rules! messages {
    ($($name:ident: $en:literal, $zh:literal;)+) => {
        /// What can be said.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Message { $($name),+ }

        impl Message {
            #[cfg(test)]
            const ALL: &[Self] = &[$(Self::$name),+];

            fn texts(self) -> (&'static str, &'static str) {
                match self { $(Self::$name => ($en, $zh)),+ }
            }
        }
    };
}

messages! {
    // punctuation
    Colon: ": ", "：";
    Hint: "hint", "提示";
    // kinds of errors
    InvalidArgument: "invalid argument", "参数无效";
    NotFound: "not found", "没有找到";
    PermissionDenied: "permission denied", "没有权限";
    Busy: "busy", "正忙";
    DeadlineExceeded: "took too long", "超时";
    Cancelled: "cancelled", "已取消";
    OutOfMemory: "out of memory", "内存不足";
    Unavailable: "unavailable", "不可用";
    Corrupt: "damaged data", "数据损坏";
    Internal: "internal error", "内部错误";
    // where the daemon is
    NotOnBus: "is not on the bus", "不在总线上";
    OnOtherBus: "it runs on the other bus; add", "它在另一条总线上运行，请加上";
    StartSystem: "start it: systemctl start companiond; its log: journalctl -u companiond",
        "启动它：systemctl start companiond；查看日志：journalctl -u companiond";
    StartSession: "start it: companiond --bus session", "启动它：companiond --bus session";
    // status
    State: "state", "状态";
    Version: "version", "版本";
    Degraded: "degraded", "受损环节";
    Nothing: "none", "无";
    Mood: "mood", "心情";
    Valence: "valence", "愉悦度";
    Arousal: "arousal", "唤醒度";
    Privacy: "privacy", "隐私";
    Network: "network", "网络";
    RemoteModels: "remote models", "远程模型";
    Microphone: "microphone", "麦克风";
    Yes: "yes", "是";
    No: "no", "否";
    Session: "session", "会话";
    Profile: "profile", "人设";
    Memories: "memories", "记忆";
    Models: "models", "模型";
    Audio: "audio", "音频";
    Uptime: "up for", "已运行";
    Connected: "connected", "已连接";
    Disconnected: "not connected", "未连接";
    Muted: "muted", "已静音";
    Open: "open", "已打开";
    // turns
    You: "you", "你";
    Companion: "companion", "伴侣";
    AnsweredBy: "answered by", "回答方式";
    Tokens: "tokens", "词元";
    RestsOn: "rests on", "依据记忆";
    Turn: "turn", "轮次";
    Language: "language", "语言";
    Confidence: "confidence", "置信度";
    Written: "written", "已写入";
    // the waterfall
    Latency: "latency, from the end of the input", "延迟，从输入结束算起";
    Endpoint: "endpoint", "端点";
    Recall: "recall", "回忆";
    FirstToken: "first token", "首个词元";
    FirstSentence: "first sentence", "首句";
    FirstAudio: "first audio", "首段声音";
    Total: "total", "总计";
    // memory
    NoMemories: "Nothing is remembered yet. Talk to the companion, or: companionctl memory add \"…\"",
        "还没有任何记忆。和伴侣说说话，或者：companionctl memory add \"…\"";
    NoMatch: "No memory matches.", "没有匹配的记忆。";
    NoReason: "The answer of this turn rested on no memory.", "这一轮的回答没有依据任何记忆。";
    Forgotten: "Forgotten. To undo: companionctl memory undo", "已忘记。撤销：companionctl memory undo";
    BroughtBack: "Brought back", "已恢复";
    Remembered: "Remembered as", "已记住，编号";
    Core: "core", "核心";
    // models
    NoModels: "No models were found.", "没有找到任何模型。";
    HowToAddModel: "To add one, put its directory, as downloaded, into one of these folders:",
        "要添加模型，请把下载好的整个目录放进以下任一文件夹：";
    ModelFiles: "Qwen2.5-7B-Instruct (llm): config.json, generation_config.json, tokenizer.json,\n    tokenizer_config.json, model-00001-of-0000N.safetensors …, model.safetensors.index.json\n  SenseVoiceSmall (asr): config.yaml, am.mvn, model.pt or model.safetensors,\n    chn_jpn_yue_eng_ko_spectok.bpe.model",
        "Qwen2.5-7B-Instruct（llm）：config.json、generation_config.json、tokenizer.json、\n    tokenizer_config.json、model-00001-of-0000N.safetensors …、model.safetensors.index.json\n  SenseVoiceSmall（asr）：config.yaml、am.mvn、model.pt 或 model.safetensors、\n    chn_jpn_yue_eng_ko_spectok.bpe.model";
    ThenLoad: "Then: companionctl model rescan, and: companionctl model load ID",
        "然后：companionctl model rescan，再：companionctl model load ID";
    EmptySlot: "empty", "空";
    Loaded: "loaded", "已加载";
    Unloaded: "unloaded", "已卸载";
    ModelsFound: "models found", "个模型";
    Folder: "folder", "文件夹";
    Detail: "detail", "说明";
    Kind: "kind", "类型";
    Architecture: "architecture", "架构";
    Size: "size", "大小";
    LoadTime: "load time", "加载用时";
    BuiltIn: "part of the program", "程序自带";
    // profiles
    NoProfiles: "No profiles yet. Import one: companionctl profile import FILE",
        "还没有人设。导入一个：companionctl profile import FILE";
    Active: "active", "使用中";
    Imported: "imported", "已导入";
    Exported: "exported", "已导出";
    Name: "name", "名字";
    Voice: "voice", "声音";
    Generation: "generation", "生成方式";
    // voice
    NoWords: "No words have a pronunciation of your own. Add one: companionctl voice word WORD HOW",
        "还没有自定义读音。添加一个：companionctl voice word 词语 读法";
    SaidAs: "said as", "读作";
    SaidAgain: "said as the voice says it", "恢复默认读法";
    Listened: "clauses listened to", "已自听分句";
    Swallowed: "swallowed", "漏读";
    Repeated: "repeated", "重复";
    Added: "added", "多读";
    MadeAgain: "made again", "重新合成";
    SpokenWithSlips: "sounded with a slip", "带错播出";
    TooLate: "no time to listen first", "来不及先听";
    Listening: "listening to the clip", "正在听录音";
    ClipMeasures: "length, level, above noise", "长度、电平、信噪差";
    Heard: "heard", "听到";
    // audio
    Nodes: "nodes", "节点";
    NotConnectedNode: "not connected", "未连接";
    Level: "level", "电平";
    Quantum: "quantum", "周期帧数";
    Xruns: "overruns, underruns", "录音溢出、播放欠载";
    EchoLoss: "echo loss", "回声衰减";
    Input: "input", "输入";
    Output: "output", "输出";
    DefaultNode: "the default", "默认";
    // diagnose
    AllWell: "Nothing is wrong.", "一切正常。";
    Note: "note", "注意";
    Warning: "warning", "警告";
    Error: "error", "错误";
    Run: "run", "运行";
    Stages: "stages", "环节";
    Restarts: "restarts", "重启次数";
    // chat, interrupt
    ChatHelp: "Write and press Enter. Ctrl-C interrupts the reply, twice quits; Ctrl-D quits.",
        "输入文字后按回车。Ctrl-C 打断回复，连按两次退出；Ctrl-D 退出。";
    NothingSaid: "Nothing was being said.", "当前没有在说话。";
    HeardUntil: "heard until then", "打断前已听到";
    Sending: "sending the recording", "正在发送录音";
    Waiting: "waiting for the reply", "正在等待回复";
    Recognising: "recognising", "正在识别";
    Loading: "loading", "正在加载";
    Speaking: "speaking", "正在合成";
    Reason: "because", "原因";
}

impl Message {
    pub(crate) fn of_kind(kind: &str) -> Self {
        match kind {
            "InvalidArgument" => Self::InvalidArgument,
            "NotFound" => Self::NotFound,
            "PermissionDenied" => Self::PermissionDenied,
            "Busy" => Self::Busy,
            "DeadlineExceeded" => Self::DeadlineExceeded,
            "Cancelled" => Self::Cancelled,
            "OutOfMemory" => Self::OutOfMemory,
            "Unavailable" => Self::Unavailable,
            "Corrupt" => Self::Corrupt,
            _ => Self::Internal,
        }
    }
}

/// The name of a state, an outcome or an emotion; one that is not known stays as it is.
pub(crate) fn word(lang: Lang, key: &str) -> &str {
    match lang {
        Lang::En => key,
        Lang::Zh => WORDS.iter().find(|(en, _)| *en == key).map_or(key, |(_, zh)| zh),
    }
}

/// Names of states, outcomes and emotions.
const WORDS: [(&str, &str); 40] = [
    ("booting", "启动中"),
    ("idle", "空闲"),
    ("listening", "在听"),
    ("thinking", "在想"),
    ("speaking", "在说"),
    ("heard", "听完"),
    ("interrupted", "被打断"),
    ("cancelled", "已取消"),
    ("failed", "失败"),
    ("paused", "已暂停"),
    ("resumed", "已继续"),
    ("replaced", "被更新的内容取代"),
    ("preempted", "被更高优先级打断"),
    ("busy", "当时正忙"),
    ("silenced", "有人要求安静"),
    ("sender-gone", "调用方已离开"),
    ("waiting", "等待中"),
    ("over", "已结束"),
    ("happy", "开心"),
    ("angry", "生气"),
    ("sad", "伤心"),
    ("surprised", "惊讶"),
    ("coquettish", "撒娇"),
    ("calm", "平静"),
    ("neutral", "中性"),
    ("fearful", "害怕"),
    ("disgusted", "厌恶"),
    ("unknown", "未知"),
    ("on-disk", "在磁盘上"),
    ("resting", "休息中"),
    ("loading", "加载中"),
    ("loaded", "已加载"),
    ("model", "模型"),
    ("rule", "规则"),
    ("checked", "核对过"),
    ("apology", "致歉"),
    ("open", "已打开"),
    ("muted", "已静音"),
    ("closed", "已关闭"),
    ("ok", "正常"),
];

/// Keys of the companion's own emotions, as `WORDS` names them.
const EMOTIONS: [&str; 6] = ["happy", "angry", "sad", "surprised", "coquettish", "calm"];

/// Whether this is one of the companion's own emotions, in either language.
pub(crate) fn is_emotion(name: &str) -> bool {
    EMOTIONS.iter().any(|key| *key == name || word(Lang::Zh, key) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_are_complete() {
        for message in Message::ALL {
            let (en, zh) = message.texts();
            assert!(!en.is_empty() && !zh.is_empty() && en != zh, "{message:?}");
            assert!(!zh.is_ascii(), "{message:?} is not Chinese: {zh}");
        }
    }
}
