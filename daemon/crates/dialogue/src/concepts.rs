//! What a sentence is about: a small thesaurus of the things people tell of themselves, in both languages, and the
//! words that are left over. It lets a question find the memory that answers it though the wording differs; it stands
//! in for an embedder where only a starter model thinks.

use std::collections::BTreeMap;

use crate::words::{english, folded};

/// How much a concept says about what is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Somebody or something that facts belong to: a sentence about another one is another fact.
    Owner,
    /// What is told of it.
    Trait,
    /// Told of so many things that it alone says little.
    Weak,
}

struct Concept {
    key: &'static str,
    kind: Kind,
    zh: &'static str,
    en: &'static str,
}

macro_rules! concepts {
    ($($kind:ident $key:literal: $zh:literal / $en:literal;)*) => {
        &[$(Concept { key: $key, kind: Kind::$kind, zh: $zh, en: $en }),*]
    };
}

/// Cues are separated by blanks; in English `_` stands for a blank inside a cue.
const CONCEPTS: &[Concept] = concepts! {
    Owner "mother": "妈妈 母亲 老妈 我妈 娘亲 生我的人" / "mother mom mum mommy mama raised_me gave_birth_to_me";
    Owner "father": "爸爸 父亲 老爸 我爸 我爹 爹爹 老爹" / "father dad daddy papa old_man";
    Owner "wife": "妻子 老婆 太太 媳妇 爱人" / "wife missus";
    Owner "husband": "丈夫 老公 先生" / "husband hubby";
    Owner "partner": "女朋友 男朋友 对象 未婚妻 未婚夫 女友 男友" / "girlfriend boyfriend fiancee fiance partner";
    Owner "daughter": "女儿 闺女" / "daughter little_girl our_girl";
    Owner "son": "儿子" / "son";
    Owner "children": "几个孩子 孩子 小孩 儿女 娃" / "child children kid kids";
    Owner "elder sister": "姐姐 大姐 我姐" / "older_sister big_sister elder_sister";
    Owner "younger sister": "妹妹 我妹" / "younger_sister little_sister";
    Owner "sister": "姐妹" / "sister sis";
    Owner "elder brother": "哥哥 大哥 我哥" / "older_brother big_brother elder_brother";
    Owner "younger brother": "弟弟 我弟" / "younger_brother little_brother";
    Owner "brother": "兄弟" / "brother bro";
    Owner "grandmother": "奶奶 外婆 姥姥 祖母" / "grandmother grandma granny nana";
    Owner "grandfather": "爷爷 外公 姥爷 祖父" / "grandfather grandpa granddad";
    Owner "uncle": "叔叔 舅舅 伯伯 姑父 姨父" / "uncle";
    Owner "aunt": "阿姨 姑姑 姨妈 婶婶 舅妈" / "aunt auntie";
    Owner "cousin": "表哥 表弟 表姐 表妹 堂哥 堂弟 堂姐 堂妹" / "cousin";
    Owner "nephew": "侄子 外甥" / "nephew";
    Owner "niece": "侄女 外甥女" / "niece";
    Owner "friend": "朋友 死党 闺蜜 哥们 好友 最铁 最要好" / "friend buddy buddies pal mate with_whom_am_i_closest";
    Owner "neighbor": "邻居 隔壁 对门" / "neighbor neighbour next_door";
    Owner "roommate": "室友 舍友" / "roommate flatmate";
    Owner "colleague": "同事" / "colleague coworker workmate";
    Owner "classmate": "同学 同桌" / "classmate deskmate";
    Owner "boss": "老板 上司 领导 经理" / "boss manager supervisor";
    Owner "teacher": "老师 班主任 教练 师傅" / "teacher coach tutor trainer";
    Owner "doctor": "医生 大夫" / "doctor physician";
    Owner "cat": "猫 喵" / "cat kitten kitty";
    Owner "dog": "狗 犬" / "dog puppy pup";
    Owner "bird": "鸟 鹦鹉" / "bird parrot";
    Owner "fish": "金鱼" / "goldfish";
    Owner "rabbit": "兔" / "rabbit bunny";
    Owner "turtle": "乌龟" / "turtle tortoise";
    Owner "horse": "马儿 小马 我的马 的马" / "horse pony";
    Owner "keys": "钥匙" / "key keys";
    Owner "glasses": "眼镜" / "glasses spectacles";
    Owner "phone": "手机" / "phone cell mobile smartphone";
    Owner "car": "汽车 车子 轿车" / "car";
    Owner "phone number": "电话 手机号 手机号码 就能找到我 打什么号码" / "phone_number telephone reach_me dial call_me_at";
    Owner "password": "密码 口令 进门要按 进门按 开门" / "password passcode code pin open_the_door to_get_in_you";
    Owner "tomorrow": "明天 明儿个 明儿" / "tomorrow";
    Owner "yesterday": "昨天 昨儿" / "yesterday";
    Owner "tonight": "今晚 今天晚上" / "tonight this_evening";
    Owner "weekend": "周末" / "weekend";
    Trait "age": "岁数 岁 年纪 年龄 多大 年岁 几年生" / "age this_year_i_am candles old years_old years_have_i_lived birthday_number how_many_years turned";
    Trait "birthday": "生日 出生 把我生下来 生下来 生我 号生的 月生的 几号生 哪天生 诞生" / "birthday birth born came_into_this_world";
    Trait "home": "住 定居 安家 安了家 家安在 家在 的家 搬到 搬去 哪座城 住址 地址 落脚" / "settled_down settled_in live lives living home settled reside resides stay stays moved address my_place lodging";
    Trait "origin": "老家 家乡 来自 哪里人 长大 故乡 籍贯" / "from hometown grew_up grow_up raised origin native";
    Trait "job": "工作 职业 上班 谋生 做什么的 饭碗 行业 一名 一位 干什么活 靠什么吃饭 靠什么 哪一行 养家 在当 在做" / "make_money earn_my_money earn_money line_of_work job work works working profession living occupation earn employed career trade";
    Trait "school": "上学 学校 毕业 念书 读书 大学" / "school study studies college university graduated graduate";
    Trait "food": "吃 食物 菜 胃口 美味 口味 馋 哪一口" / "serve eat eats eating food dish meal snack taste tastes tastier tasty delicious";
    Trait "drink": "喝 饮料" / "drink drinks drinking beverage";
    Trait "dislike": "不喜欢 讨厌 不爱 受不了 不吃 反感 不想吃 厌恶 从来不碰 咽不下去" / "won't_eat refuse refuse_to_eat disgusting gag hate hates dislike don't_like do_not_like can't_stand never_eat don't_i_like loathe";
    Trait "allergy": "过敏 不能吃 起疹子 起疹 不可以吃 吃了会 吃了就 避开 不让我碰" / "allergic throat swell allergy dangerous swells get_sick rash should_i_not_eat can't_eat not_eat";
    Trait "hobby": "爱好 业余时间 业余 空闲 有空 闲着 闲 空下来 消遣 乐趣 兴趣 玩些什么" / "free_days free_day hobby hobbies free_time for_fun pastime spare_time enjoy enjoys relax";
    Trait "music": "听 音乐 歌曲" / "music listen listens listening song songs ears tune";
    Trait "color": "颜色 色" / "shade scarf color colour colors colours";
    Trait "trip": "旅游 旅行 去玩 玩一趟 想去 盼望去 度假" / "dream_of trip travel vacation visit holiday";
    Trait "fear": "怕 恐惧" / "afraid fear scares scared frightens";
    Trait "height": "身高 多高" / "height tall";
    Trait "weight": "体重 多重" / "weight weigh heavy";
    Trait "number": "数字 号码" / "number digit";
    Weak "name": "名字 姓名 大名 贵姓 姓甚名谁 称呼 叫 名叫 狗名 姓 喊 管我叫 我是谁 我是哪位 鄙人" / "answers_to answer_to listens_to the_person_talking_to_you talking_to_you whose_voice knows_me address_me name names named call calls called known goes_by go_by who address";
    Weak "like": "喜欢 最爱 爱 热爱 偏爱 迷上 抵抗力 走不动路 挑" / "can't_get_enough_of get_enough_of everything_i_buy go_for like likes love loves favorite favourite fond fan crazy_about nothing_beats prefer best happiest most";
    Weak "place": "在哪 放 搁 丢在 收在 里面 上面 下面" / "where leave store stored dropped put keep left lie lies located find";
    Weak "have": "养 有" / "own";
};

/// Hanzi that say nothing about what is asked.
const STOP_ZH: &str = "我你他她您它的地得是什么谁哪里儿几多少吗呢啊呀吧了个知道记告诉还说过请问用户一下那这啥怎样为嘛哦跟和把就都也会能要来在有不很最想去做给被到没呗嗯对着让它们如今现着晓得好些该得碰把再请从";
/// Words that say nothing about what is asked.
const STOP_EN: &[&str] = &[
    "never",
    "who",
    "guy",
    "got",
    "might",
    "wonder",
    "under",
    "town",
    "should",
    "people",
    "one",
    "need",
    "must",
    "get",
    "closest",
    "city",
    "a",
    "about",
    "all",
    "am",
    "an",
    "and",
    "any",
    "are",
    "at",
    "be",
    "been",
    "by",
    "can",
    "companion",
    "could",
    "did",
    "do",
    "does",
    "for",
    "had",
    "has",
    "have",
    "her",
    "hey",
    "his",
    "how",
    "i",
    "i'm",
    "i've",
    "idea",
    "in",
    "is",
    "it",
    "it's",
    "its",
    "just",
    "kind",
    "know",
    "listen",
    "many",
    "me",
    "mine",
    "much",
    "my",
    "now",
    "of",
    "okay",
    "on",
    "or",
    "our",
    "please",
    "quick",
    "question",
    "really",
    "recall",
    "remember",
    "remind",
    "said",
    "say",
    "so",
    "still",
    "sure",
    "tell",
    "that",
    "the",
    "their",
    "them",
    "there",
    "they",
    "thing",
    "this",
    "to",
    "told",
    "user",
    "was",
    "we",
    "were",
    "what",
    "what's",
    "when",
    "where's",
    "which",
    "who's",
    "whom",
    "whose",
    "will",
    "with",
    "would",
    "you",
    "your",
];

/// Traits that turn what is said into another fact: what one cannot eat is not what one eats.
const TURNING: &[&str] = &["<dislike>", "<allergy>", "<fear>", "<drink>"];

/// What one sentence is about.
#[derive(Debug, Default)]
pub(crate) struct About {
    weights: BTreeMap<String, f32>,
    owners: Vec<&'static str>,
}

fn weight(kind: Kind) -> f32 {
    match kind {
        Kind::Owner | Kind::Trait => 1.0,
        Kind::Weak => 0.3,
    }
}

/// A word without possessive and plural.
fn stem(word: &str) -> &str {
    let word = word.trim_end_matches("'s").trim_matches('\'');
    let plural = word.len() > 3 && word.ends_with('s') && !word.ends_with("ss");
    if plural { &word[..word.len() - 1] } else { word }
}

impl About {
    /// Reads a sentence of either language.
    pub(crate) fn read(text: &str) -> Self {
        let low = folded(text);
        let words: Vec<&str> = english(&low).collect();
        let mut padded = format!(
            " {} ",
            words.iter().map(|w| w.trim_end_matches("'s")).collect::<Vec<_>>().join(" ")
        );
        let mut hanzi: String =
            low.chars().filter(|c| !c.is_ascii() && c.is_alphanumeric()).collect();
        let mut about = Self::default();
        for (cue, zh, concept) in cues() {
            let (hay, needle) =
                if *zh { (&mut hanzi, cue.clone()) } else { (&mut padded, format!(" {cue} ")) };
            if hay.contains(&needle) {
                *hay = hay.replace(&needle, if *zh { "" } else { " " });
                about.add(concept);
            }
        }
        for word in padded.split(' ').filter(|w| !w.is_empty() && !STOP_EN.contains(w)) {
            about.weights.insert(stem(word).to_owned(), 1.0);
        }
        for c in hanzi.chars().filter(|c| !STOP_ZH.contains(*c)) {
            about.weights.insert(c.to_string(), 0.5);
        }
        about
    }

    fn add(&mut self, concept: &'static Concept) {
        self.weights.insert(format!("<{}>", concept.key), weight(concept.kind));
        if concept.kind == Kind::Owner {
            self.owners.push(concept.key);
        }
    }

    /// How much of what `question` asks this sentence speaks of, 0 to 1. A sentence about somebody or something that
    /// the question does not name speaks of another fact.
    pub(crate) fn answers(&self, question: &Self) -> f32 {
        let whole: f32 = question.weights.values().sum();
        if whole <= 0.0 {
            return 0.0;
        }
        let shared: f32 = question
            .weights
            .iter()
            .filter(|(unit, _)| self.weights.contains_key(*unit))
            .map(|(_, w)| w)
            .sum();
        let other = self.owners.iter().any(|o| !question.owners.contains(o));
        let turned = TURNING
            .iter()
            .any(|t| self.weights.contains_key(*t) != question.weights.contains_key(*t));
        if other || turned { 0.0 } else { shared / whole }
    }

    /// Whether `text`, read as this, states a lasting fact about the one who said it: a trait or a name with a value,
    /// and a verb of being, having or liking; what has just happened is told with other words.
    pub(crate) fn tells_of_the_person(&self, text: &str) -> bool {
        const LASTING_ZH: [&str; 12] =
            ["是", "叫", "喊我", "住", "安了家", "喜欢", "爱", "馋", "过敏", "在当", "讨厌", "怕"];
        const LASTING_EN: [&str; 22] = [
            "is", "am", "i'm", "are", "like", "love", "live", "work", "call", "called", "named",
            "settled", "hate", "have", "been", "allergic", "keep", "prefer", "enjoy", "study",
            "tastier", "moved",
        ];
        let low = folded(text);
        let words = || english(&low);
        let own = low.contains('我') || words().any(|w| matches!(w, "i" | "my" | "i'm" | "me"));
        let lasting =
            LASTING_ZH.iter().any(|w| low.contains(w)) || words().any(|w| LASTING_EN.contains(&w));
        let traits =
            CONCEPTS.iter().filter(|c| c.kind == Kind::Trait || c.key == "name" || c.key == "like");
        let told =
            traits.map(|c| format!("<{}>", c.key)).any(|key| self.weights.contains_key(&key));
        own && lasting && told && self.weights.keys().any(|unit| !unit.starts_with('<'))
    }

    /// Whether this sentence holds every value that `told` names.
    pub(crate) fn repeats(&self, told: &Self) -> bool {
        told.weights
            .keys()
            .filter(|unit| !unit.starts_with('<'))
            .all(|unit| self.weights.contains_key(unit))
    }

    /// Whether this sentence says something of `other` that the question did not say already.
    pub(crate) fn takes_from(&self, other: &Self, question: &Self) -> bool {
        let told = |unit: &&String| !unit.starts_with('<') && !question.weights.contains_key(*unit);
        other.weights.keys().filter(told).any(|unit| self.weights.contains_key(unit))
    }
}

/// All cues, the longest first: `不喜欢` before `喜欢`.
fn cues() -> &'static [(String, bool, &'static Concept)] {
    static CUES: std::sync::OnceLock<Vec<(String, bool, &'static Concept)>> =
        std::sync::OnceLock::new();
    CUES.get_or_init(|| {
        let mut all = Vec::new();
        for concept in CONCEPTS {
            all.extend(concept.zh.split(' ').map(|c| (c.to_owned(), true, concept)));
            all.extend(concept.en.split(' ').map(|c| (c.replace('_', " "), false, concept)));
        }
        all.sort_by_key(|(cue, _, _)| std::cmp::Reverse(cue.chars().count()));
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(question: &str, memory: &str) -> f32 {
        About::read(memory).answers(&About::read(question))
    }

    #[test]
    fn another_wording_of_the_same_thing_answers() {
        for (question, memory) in [
            ("我妈妈的名字是什么", "我母亲叫阿琪"),
            ("我住在哪里", "我搬到宁波了"),
            ("我有什么爱好", "我有空就冲浪"),
            ("我多大岁数了", "我46岁了"),
            ("what is my mom called", "my mother is Winifred"),
            ("which town do i live in", "my home is in Nairobi"),
            ("what line of work am i in", "i earn my money as a locksmith"),
            ("what is my locker code", "my locker code is 4431"),
        ] {
            assert!(
                answers(question, memory) >= 0.5,
                "{question} | {memory}: {}",
                answers(question, memory)
            );
        }
    }

    #[test]
    fn a_fact_about_somebody_else_does_not() {
        for (question, memory) in [
            ("我叫什么", "我的狗叫旺财"),
            ("我的狗叫什么", "我的猫叫咪咪"),
            ("我不喜欢吃什么", "我喜欢吃苹果"),
            ("what is my name", "my sister is called Ann"),
            ("where do i live", "my brother lives in Oslo"),
            ("how old am i", "my cat is four years old"),
        ] {
            assert!(
                answers(question, memory) < 0.5,
                "{question} | {memory}: {}",
                answers(question, memory)
            );
        }
    }
}
