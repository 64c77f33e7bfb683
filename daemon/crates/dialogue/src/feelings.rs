//! What a person plainly feels or does to be comforted, cheered or teased, by the words for it. A small model misses
//! it in sentences it never saw; where the words are plain, its tag and reply give way to a fitting one.

use companion_types::{Emotion, Language};

use crate::words::{english, folded};

/// Cues of the person's words, the reply's emotion, and replies. A blank separates cues; in English `_` stands for a
/// blank inside a cue and cues are whole words.
struct Feeling {
    emotion: Emotion,
    zh: &'static str,
    en: &'static str,
    replies_zh: &'static [&'static str],
    replies_en: &'static [&'static str],
}

const FEELINGS: &[Feeling] = &[
    Feeling {
        emotion: Emotion::SAD,
        zh: "难过 伤心 去世 走了 离开了我 离开我 死了 病倒 住院 失恋 分手 分开 离婚 失业 裁员 开除 被骂 想哭 哭 眼泪 孤独 寂寞 孤单 一个人过 一个人吃 想念 怀念 想家 失败 失眠 落榜 没考好 考砸 太差 丢了 弄丢 摔坏 摔碎 没了 找不回来 发烧 生病 癌 害怕 担心 心疼 后悔 内疚 没人 没有人 没有一个人 拒绝 绝望 沮丧 痛苦 委屈 倒霉 疼 难受 再也 葬 完了",
        en: "sad died dead passed_away lost lose losing fired laid_off dumped divorce divorced broke_up lonely alone cry cried crying tears weep wept mourning funeral miss missed failed fail hospital sick ill cancer fever surgery hurts pain scared afraid worried nervous regret guilty ashamed hopeless empty miserable depressed heartbroken disappointed rejected rejection nobody no_one last_time_i_saw never_see_again burden goodbye grief buried gone crushed broken ruined terrible_day bad_news forgot_my_birthday disaster",
        replies_zh: &[
            "听到这个我也很难过，我陪着你。",
            "别难过，我在这里陪着你。",
            "抱抱你，想说就说给我听吧。",
        ],
        replies_en: &[
            "I am sorry to hear that. I am here with you.",
            "That makes me sad too. I am with you.",
            "I am sorry, that must be hard. Tell me more if you like.",
        ],
    },
    Feeling {
        emotion: Emotion::ANGRY,
        zh: "生气 气死 气人 愤怒 过分 骗 偷了 偷看 抢 插队 骂我 打了我 踢了 撕了 划了 造谣 拉黑 不道歉 吵得 垃圾 凭什么 讨厌他 可恶 混蛋 说话不算话 不讲理 不公平 赖账 冤枉 欺负 陷害 受够",
        en: "angry mad furious outrageous unfair stole stolen cheated lied liar insulted yelled shouted cut_in_line rude scratched keyed kicked tore spread_rumors blocked_me refuses_to_apologize won't_apologize without_asking took_credit scam scammed ripped_off trash hate_him hate_her fed_up annoying annoyed unacceptable ridiculous blamed disgusting_behavior never_paid broke_his_promise broke_her_promise idiot jerk",
        replies_zh: &[
            "太过分了，我也很生气！",
            "怎么能这样，真让人生气！",
            "这真的不公平，我支持你。",
        ],
        replies_en: &[
            "That is outrageous, I am angry too!",
            "How could they do that! I am on your side.",
            "That is really not fair, I am on your side.",
        ],
    },
    Feeling {
        emotion: Emotion::SURPRISED,
        zh: "居然 竟然 没料到 没想到 想不到 突然 忽然 自己开 原来是 一模一样 吓 天哪 不敢相信 猜猜 意外 外星人 飞碟",
        en: "suddenly unexpectedly out_of_nowhere out_of_the_blue unbelievable guess_what turns_out turned_out believe_my_eyes by_itself all_by_itself jumped_out ufo alien to_my_surprise surprise shocked shocking astonished speechless no_way exactly_the_same millionaire billionaire treasure",
        replies_zh: &["哇，真的吗？太让人意外了！", "天哪，怎么会这样？", "真没想到！快告诉我。"],
        replies_en: &[
            "Wow, really? What a surprise!",
            "Oh my, how did that happen?",
            "I did not expect that! Tell me more.",
        ],
    },
    Feeling {
        emotion: Emotion::COQUETTISH,
        zh: "爱你 喜欢你 想你 亲一 亲亲 亲我 吻 抱紧我 抱抱我 抱我 亲爱的 宝贝 撒娇 可爱 情人节 一辈子都跟你 跟你在一起 和你在一起 你的声音 你真美 你真漂亮 嫁给我 老婆大人",
        en: "love_you loves_you kiss cuddle hug_me hold_me darling sweetheart sweetie honey my_dear cutie you're_cute you_are_cute so_cute adorable valentine marry_me be_mine your_voice your_smile in_love_with_you miss_you my_love blush flirt snuggle",
        replies_zh: &[
            "嘿嘿，人家也最喜欢你了。",
            "讨厌啦，说得人家都害羞了。",
            "你真好，我要一直陪着你。",
        ],
        replies_en: &[
            "Hehe, I like you the most too.",
            "Oh stop it, you make me blush.",
            "You are so sweet, I will always stay with you.",
        ],
    },
    Feeling {
        emotion: Emotion::HAPPY,
        zh: "开心 高兴 快乐 幸福 考上 录取 通过了 升职 加薪 涨工资 奖金 年终奖 中奖 赢了 得了一等奖 冠军 出生了 求婚 订婚 结婚 恢复 康复 正常 顺利 找到了 新房 放假 夸我 来看我 超棒 太好了 太棒了 满分 第一名 成功 毕业了 买到 得奖 好消息",
        en: "happy glad excited great_news good_news won win winner promoted promotion raise bonus accepted acceptance admitted passed_my_exam passed_the_exam passed_my_driving passed engaged married gave_birth newborn healthy recovered cured championship prize award medal published new_house vacation day_off complimented visited_me came_to_see_me fantastic wonderful awesome amazing delighted thrilled graduated first_steps first_word first_time sold_out success succeeded proud",
        replies_zh: &["太好了，我真为你高兴！", "哇，真棒！恭喜你！", "真是好消息，我也很开心！"],
        replies_en: &[
            "That is great, I am so happy for you!",
            "Wow, congratulations!",
            "What good news! I am glad to hear that!",
        ],
    },
];

/// How plainly the words speak: longer cues say more, "passed away" more than "passed".
fn weight(text: &str, padded: &str, feeling: &Feeling) -> usize {
    let zh =
        feeling.zh.split(' ').filter(|cue| text.contains(cue)).map(|cue| 3 * cue.chars().count());
    let held = |cue: &&str| padded.contains(&format!(" {} ", cue.replace('_', " ")));
    zh.chain(feeling.en.split(' ').filter(held).map(str::len)).sum()
}

/// What `text` plainly tells: the feeling that most of its words speak of.
fn strongest(text: &str) -> Option<&'static Feeling> {
    let low = folded(text);
    let padded = format!(" {} ", english(&low).collect::<Vec<_>>().join(" "));
    let mut counted: Vec<(usize, &Feeling)> =
        FEELINGS.iter().map(|f| (weight(&low, &padded, f), f)).collect();
    counted.sort_by_key(|(n, _)| std::cmp::Reverse(*n));
    match counted.as_slice() {
        [(first, feeling), (second, _), ..] if first > second => Some(feeling),
        _ => None,
    }
}

/// What to say to `text` where a reply in `emotion` does not fit what it plainly tells; `turn` chooses among the
/// replies.
pub(crate) fn fitting_reply(
    text: &str,
    emotion: &Emotion,
    language: Language,
    turn: u64,
) -> Option<(Emotion, &'static str)> {
    let feeling = strongest(text).filter(|f| f.emotion != *emotion)?;
    let replies = if language == Language::En { feeling.replies_en } else { feeling.replies_zh };
    let at = usize::try_from(turn).unwrap_or(0) % replies.len().max(1);
    replies.get(at).map(|reply| (feeling.emotion.clone(), *reply))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_words_have_their_feeling_and_others_none() {
        for (text, emotion) in [
            ("我奶奶去世了", Some(Emotion::SAD)),
            ("他当着大家骂我", Some(Emotion::ANGRY)),
            ("我升职了", Some(Emotion::HAPPY)),
            ("门居然自己开了", Some(Emotion::SURPRISED)),
            ("亲一口嘛", Some(Emotion::COQUETTISH)),
            ("今天星期几", None),
            ("my grandma passed away", Some(Emotion::SAD)),
            ("somebody stole my bike", Some(Emotion::ANGRY)),
            ("i got promoted", Some(Emotion::HAPPY)),
            ("what time is it", None),
        ] {
            assert_eq!(strongest(text).map(|f| f.emotion.clone()), emotion, "{text}");
        }
    }
}
