"""Attributes made on the fly: nouns, people and things in frames, so that a question is matched by its words.

`attribute(lang, rng)` gives (key, spec); a spec is like those of `facts.py` and has `note` besides: the same fact as
a note in the third person. Attributes that `test_attributes.py` asks about are not in these lists.
"""

from __future__ import annotations

import random

import facts_more

NOUNS_ZH = {
    "number": "手机号码 电话号码 门牌号 学号 工号 银行卡密码 手机密码 电脑密码 无线网密码 邮编 幸运数字 身高 体重 座位号 保险箱密码 会员号 快递单号 楼层 宿舍号".split(),
    "name": "英文名 小名 网名 班主任 邻居 同桌 室友 房东 钢琴老师 医生 经理 偶像 最好的同事 小学老师 队长 师傅 对门 女朋友 男朋友 未婚妻".split(),
    "odd": "公司 学校 小区 专业 邮箱 邮箱地址 手机牌子 车的牌子 昵称 签名 座右铭 口头禅 梦想 目标 新年愿望 生日礼物 作业 主食 早餐 午饭 晚饭 球队 乐队 国籍 民族 属相 性格 缺点 优点 秘密 习惯 宵夜 最怕的东西 大学 中学 部门 项目 家乡菜 拿手菜".split(),
}
NOUNS_EN = {
    "number": "phone number|house number|room number at work|locker code|bank pin|phone code|computer password|zip code|lucky number|height|weight|seat number|safe code|member number|student number|apartment number|street number|account number".split("|"),
    "name": "nickname|middle name|last name|neighbor|roommate|landlord|piano teacher|doctor|manager|hero|coach|dance partner|first teacher|captain|girlfriend|boyfriend|fiancee|english teacher|cousin's name|babysitter".split("|"),
    "odd": "company|school|major|email|email address|phone brand|motto|dream|goal|wish|birthday present|homework|usual breakfast|usual lunch|team|band|nationality|biggest fear|secret|habit|street|college|department|project|special dish|first language|new job|hair color|car|bike|camera brand|watch brand|wifi name|password hint|secret word".split("|"),
}
FAVORITES = (
    "动物 电影 歌 游戏 运动 季节 城市 老师 饮料 节日 动画片 水果 零食 蔬菜 颜色 数字 国家 演员 科目 甜点 茶 汤 诗 乐器 作家 早点 玩具".split(),
    "animal|movie|song|game|sport|season|city|teacher|drink|holiday|cartoon|fruit|snack|vegetable|color|number|country|actor|subject|dessert|tea|soup|poem|instrument|writer|toy|ice cream|day|month|band|restaurant|food|color of shoes".split("|"),
)
RELATIVES = (
    "妈妈 爸爸 姐姐 哥哥 妹妹 弟弟 女儿 儿子 妻子 丈夫 奶奶 外婆 外公 叔叔 舅舅 表哥 表妹 同学 同事 邻居 好朋友 室友 孙子 孙女".split(),
    "mother|father|sister|brother|daughter|son|wife|husband|grandmother|uncle|cousin|classmate|colleague|neighbor|best friend|roommate|grandson|niece|nephew|little sister|older brother|friend|grandma".split("|"),
)
PETS = ("猫 狗 兔子 乌龟 金鱼 小鸟 马 小猫 小狗 黑猫".split(), "cat|dog|rabbit|turtle|goldfish|bird|horse|kitten|puppy|black cat|pony".split("|"))
THINGS = (
    "钥匙 手机 钱包 眼镜 护照 遥控器 书包 充电器 帽子 手表 相机 围巾 手套 外套 银行卡 剪刀 戒指 车钥匙 笔记本 作业 吉他 行李箱 电脑 球 照片 信".split(),
    "keys|phone|wallet|glasses|passport|remote control|bag|charger|hat|watch|camera|scarf|gloves|jacket|bank card|scissors|ring|car keys|notebook|homework|guitar|suitcase|computer|ball|photos|letter|bike|shoes".split("|"),
)
PLURAL = {"keys", "glasses", "gloves", "scissors", "car keys", "photos", "shoes"}
DAYS = (
    "明天 后天 今天晚上 明天早上 明天下午 周末 下周 星期一 星期二 星期三 星期四 星期五 下个月 今天下午".split(),
    "tomorrow|tonight|tomorrow morning|tomorrow afternoon|this weekend|next week|on monday|on tuesday|on wednesday|on thursday|on friday|next month|this afternoon|today".split("|"),
)
MEETINGS = (
    "考试 会议 面试 飞机 比赛 婚礼 课 约会 电影 聚会 体检 家长会".split(),
    "exam|meeting|interview|flight|match|wedding|class|date|movie|party|checkup|concert|lesson|appointment".split("|"),
)
# (statement, questions, answer, note, kind) about oneself.
SELF_ZH = [
    ("我在{v}上班", ["我在哪里上班", "我在哪儿工作", "我上班的地方在哪"], "你在{v}上班。", "odd"), ("我在{v}上学", ["我在哪里上学", "我上哪个学校"], "你在{v}上学。", "odd"),
    ("我在学{v}", ["我在学什么", "我最近学什么"], "你在学{v}。", "hobby"), ("我会弹{v}", ["我会弹什么", "我会什么乐器"], "你会弹{v}。", "odd"), ("我怕{v}", ["我怕什么", "我害怕什么"], "你怕{v}。", "odd"),
    ("我想去{v}", ["我想去哪里", "我想去什么地方"], "你想去{v}。", "city"), ("我去过{v}", ["我去过哪里", "我去过什么地方"], "你去过{v}。", "city"), ("我想当{v}", ["我想当什么", "我以后想做什么"], "你想当{v}。", "job"),
    ("我每天早上喝{v}", ["我每天早上喝什么", "我早上喝什么"], "你每天早上喝{v}。", "food"), ("我养了{v}", ["我养了什么", "我有什么宠物"], "你养了{v}。", "animal"), ("我开{v}", ["我开什么车", "我的车是什么牌子"], "你开{v}。", "odd"),
    ("我收集{v}", ["我收集什么", "我喜欢收集什么"], "你收集{v}。", "odd"), ("我会说{v}", ["我会说什么语言", "我会讲什么话"], "你会说{v}。", "odd"), ("我支持{v}", ["我支持哪个队", "我支持谁"], "你支持{v}。", "odd"),
    ("我昨天去了{v}", ["我昨天去了哪里", "昨天我去哪了"], "你昨天去了{v}。", "city"), ("我昨天买了{v}", ["我昨天买了什么", "昨天我买什么了"], "你昨天买了{v}。", "thing"), ("我早饭吃了{v}", ["我早饭吃了什么", "早饭我吃的什么"], "你早饭吃了{v}。", "food"),
    ("我在等{v}", ["我在等谁", "我在等什么"], "你在等{v}。", "name"), ("我最想念{v}", ["我最想念谁", "我最想谁"], "你最想念{v}。", "name"), ("我毕业于{v}", ["我毕业于哪里", "我是哪个学校毕业的"], "你毕业于{v}。", "odd"),
    ("我用{v}上班", ["我用什么上班", "我怎么上班"], "你用{v}上班。", "odd"), ("我在写{v}", ["我在写什么", "我最近写什么"], "你在写{v}。", "odd"), ("我有{v}个孩子", ["我有几个孩子", "我有多少个孩子"], "你有{v}个孩子。", "age"),
]
SELF_EN = [
    ("i work at {v}", ["where do i work", "which company do i work for"], "You work at {v}.", "odd"), ("i study at {v}", ["where do i study", "which school do i go to"], "You study at {v}.", "odd"),
    ("i am learning {v}", ["what am i learning", "what do i learn"], "You are learning {v}.", "hobby"), ("i play the {v}", ["what instrument do i play", "which instrument do i play"], "You play the {v}.", "odd"),
    ("i am afraid of {v}", ["what am i afraid of", "what do i fear"], "You are afraid of {v}.", "animal"), ("i want to visit {v}", ["what place do i want to visit", "where do i want to go"], "You want to visit {v}.", "city"),
    ("i have been to {v}", ["where have i been", "which city have i been to"], "You have been to {v}.", "city"), ("i want to become a {v}", ["what do i want to become", "what do i want to be"], "You want to become a {v}.", "job"),
    ("i drink {v} every morning", ["what do i drink every morning", "what do i drink in the morning"], "You drink {v} every morning.", "food"), ("i drive a {v}", ["what do i drive", "what car do i drive"], "You drive a {v}.", "odd"),
    ("i collect {v}", ["what do i collect", "which things do i collect"], "You collect {v}.", "thing"), ("i speak {v}", ["what language do i speak", "which language do i speak"], "You speak {v}.", "odd"),
    ("i support {v}", ["which team do i support", "who do i support"], "You support {v}.", "odd"), ("i went to {v} yesterday", ["where did i go yesterday", "where was i yesterday"], "You went to {v} yesterday.", "city"),
    ("i bought {v} yesterday", ["what did i buy yesterday", "what was it that i bought"], "You bought {v} yesterday.", "food"), ("i had {v} for breakfast", ["what did i have for breakfast", "what did i eat for breakfast"], "You had {v} for breakfast.", "food"),
    ("i am waiting for {v}", ["who am i waiting for", "whom do i wait for"], "You are waiting for {v}.", "name"), ("i miss {v}", ["who do i miss", "whom do i miss most"], "You miss {v}.", "name"), ("i have {v} children", ["how many children do i have", "how many kids do i have"], "You have {v} children.", "age"),
    ("i grew up in {v}", ["where did i grow up", "in which city did i grow up"], "You grew up in {v}.", "city"), ("i am reading {v}", ["what am i reading", "which book am i reading"], "You are reading {v}.", "odd"), ("i go to work by {v}", ["how do i go to work", "how do i get to work"], "You go to work by {v}.", "odd"),
    ("i sleep {v} hours", ["how many hours do i sleep", "how long do i sleep"], "You sleep {v} hours.", "age"), ("i can't eat {v}", ["what can't i eat", "what am i not allowed to eat"], "You can't eat {v}.", "food"),
]


def spec(kind: str, say: list[str], ask: list[str], answer: str, note: str, ack: str | None = None) -> dict:
    """A spec; what is told is acknowledged by the answer."""
    return dict(kind=kind, say=say, ask=ask, answer=[answer], note=note, ack=ack)


def noun_zh(n: str, kind: str) -> dict:
    """我的{n}是…"""
    asks = [f"我的{n}是什么", f"我的{n}是啥", f"我的{n}", f"我{n}是什么"]
    asks += [f"我的{n}是多少", f"我的{n}是几"] if kind == "number" else [f"我的{n}是谁", f"我的{n}叫什么", f"我{n}叫什么名字"] if kind == "name" else [f"我的{n}是哪个"]
    says = [f"我的{n}是{{v}}", f"我{n}是{{v}}", f"{{v}}是我的{n}"] + ([f"我的{n}叫{{v}}", f"我{n}叫{{v}}"] if kind == "name" else [])
    asks += [a.format(n=n) for a in facts_more.ASK_NOUN_ZH]
    says += [a.replace("{n}", n) for a in facts_more.SAY_NOUN_ZH]
    return spec(kind, says, asks, f"你的{n}是{{v}}。", f"用户的{n}是{{v}}")


def noun_en(n: str, kind: str) -> dict:
    """my {n} is …"""
    asks = [f"what is my {n}", f"what's my {n}", f"tell me my {n}", f"do you know my {n}", f"do you remember my {n}", f"what was my {n}", f"i forgot my {n}", f"do you know what my {n} is", f"can you tell me my {n}", f"say my {n}", f"my {n} please", f"which is my {n}"]
    asks += [f"who is my {n}", f"what is my {n} called", f"do you know who my {n} is"] if kind == "name" else []
    says = [f"my {n} is {{v}}", f"{{v}} is my {n}"] + ([f"my {n} is called {{v}}", f"my {n}'s name is {{v}}"] if kind == "name" else [])
    asks += [a.format(n=n) for a in facts_more.ASK_NOUN_EN]
    says += [a.replace("{n}", n) for a in facts_more.SAY_NOUN_EN]
    return spec(kind, says, asks, f"Your {n} is {{v}}.", f"the user's {n} is {{v}}")


def favorite(c: str, lang: str) -> dict:
    """The favourite of a category."""
    if lang == "zh":
        return spec("odd", [f"我最喜欢的{c}是{{v}}", f"我喜欢的{c}是{{v}}", f"{c}里我最喜欢{{v}}"], [f"我最喜欢的{c}是什么", f"我最喜欢什么{c}", f"我喜欢哪个{c}", f"我喜欢什么{c}", f"我最爱的{c}是哪个", f"什么{c}我最喜欢"], f"你最喜欢的{c}是{{v}}。", f"用户最喜欢的{c}是{{v}}")
    return spec("odd", [f"my favorite {c} is {{v}}", f"{{v}} is my favorite {c}", f"the {c} i like best is {{v}}"], [f"what is my favorite {c}", f"what's my favorite {c}", f"which {c} do i like best", f"what {c} do i like", f"what {c} do i like most", f"do you know my favorite {c}", f"which {c} is my favorite", f"which {c} do i love"], f"Your favorite {c} is {{v}}.", f"the user's favorite {c} is {{v}}")


def relative_zh(r: str, what: str) -> dict:
    """Something about a person one knows."""
    table = {
        "name": ([f"我{r}叫{{v}}", f"我{r}的名字是{{v}}", f"我{r}是{{v}}", f"{{v}}是我{r}"], [f"我{r}叫什么", f"我{r}叫什么名字", f"我{r}的名字是什么", f"我{r}是谁", f"谁是我{r}"], f"你{r}叫{{v}}。", f"用户的{r}叫{{v}}"),
        "city": ([f"我{r}住在{{v}}", f"我{r}在{{v}}生活", f"我{r}家在{{v}}"], [f"我{r}住在哪里", f"我{r}住哪儿", f"我{r}在哪个城市", f"我{r}家在哪"], f"你{r}住在{{v}}。", f"用户的{r}住在{{v}}"),
        "job": ([f"我{r}是{{v}}", f"我{r}的工作是{{v}}", f"我{r}当{{v}}"], [f"我{r}是做什么的", f"我{r}的工作是什么", f"我{r}做什么工作"], f"你{r}的工作是{{v}}。", f"用户的{r}的工作是{{v}}"),
        "food": ([f"我{r}喜欢吃{{v}}", f"我{r}爱吃{{v}}"], [f"我{r}喜欢吃什么", f"我{r}爱吃什么", f"我{r}最爱吃什么"], f"你{r}喜欢吃{{v}}。", f"用户的{r}喜欢吃{{v}}"),
        "hobby": ([f"我{r}喜欢{{v}}", f"我{r}的爱好是{{v}}"], [f"我{r}喜欢做什么", f"我{r}的爱好是什么", f"我{r}喜欢什么"], f"你{r}喜欢{{v}}。", f"用户的{r}喜欢{{v}}"),
        "age": ([f"我{r}今年{{v}}岁", f"我{r}{{v}}岁了"], [f"我{r}几岁了", f"我{r}多大", f"我{r}今年多大了"], f"你{r}{{v}}岁。", f"用户的{r}{{v}}岁"),
        "date": ([f"我{r}的生日是{{v}}", f"我{r}{{v}}过生日"], [f"我{r}的生日是哪天", f"我{r}什么时候过生日", f"我{r}的生日是几号"], f"你{r}的生日是{{v}}。", f"用户的{r}的生日是{{v}}"),
    }
    return spec(what, *table[what])


def relative_en(r: str, what: str) -> dict:
    """Something about a person one knows."""
    table = {
        "name": ([f"my {r}'s name is {{v}}", f"my {r} is called {{v}}", f"my {r} is {{v}}", f"{{v}} is my {r}", f"i have a {r} named {{v}}"], [f"what is my {r}'s name", f"what is my {r} called", f"who is my {r}", f"do you know my {r}'s name", f"what's my {r}'s name", f"tell me my {r}'s name", f"what is the name of my {r}"], f"Your {r}'s name is {{v}}.", f"the user's {r} is called {{v}}"),
        "city": ([f"my {r} lives in {{v}}", f"my {r} is living in {{v}}", f"my {r}'s home is in {{v}}"], [f"where does my {r} live", f"which city does my {r} live in", f"do you know where my {r} lives", f"where is my {r}'s home"], f"Your {r} lives in {{v}}.", f"the user's {r} lives in {{v}}"),
        "job": ([f"my {r} is a {{v}}", f"my {r} works as a {{v}}", f"my {r}'s job is {{v}}"], [f"what does my {r} do", f"what is my {r}'s job", f"what does my {r} work as", f"do you know what my {r} does"], f"Your {r} works as a {{v}}.", f"the user's {r} works as a {{v}}"),
        "food": ([f"my {r} likes to eat {{v}}", f"my {r} loves eating {{v}}", f"my {r}'s favorite food is {{v}}"], [f"what does my {r} like to eat", f"what is my {r}'s favorite food", f"what food does my {r} like"], f"Your {r} likes to eat {{v}}.", f"the user's {r} likes to eat {{v}}"),
        "hobby": ([f"my {r} likes {{v}}", f"my {r} enjoys {{v}}", f"my {r}'s hobby is {{v}}"], [f"what does my {r} like", f"what does my {r} enjoy", f"what is my {r}'s hobby", f"what does my {r} like to do"], f"Your {r} likes {{v}}.", f"the user's {r} likes {{v}}"),
        "age": ([f"my {r} is {{v}} years old", f"my {r} is {{v}}", f"my {r} turned {{v}}"], [f"how old is my {r}", f"what is my {r}'s age", f"do you know how old my {r} is"], f"Your {r} is {{v}} years old.", f"the user's {r} is {{v}} years old"),
        "date": ([f"my {r}'s birthday is {{v}}", f"my {r}'s birthday is on {{v}}", f"my {r} was born on {{v}}"], [f"when is my {r}'s birthday", f"when was my {r} born", f"what day is my {r}'s birthday"], f"Your {r}'s birthday is {{v}}.", f"the user's {r}'s birthday is {{v}}"),
    }
    return spec(what, *table[what])


def place(t: str, lang: str) -> dict:
    """Where a thing is."""
    if lang == "zh":
        return spec("place", [f"我的{t}在{{v}}", f"我把{t}放在{{v}}", f"我把{t}放在{{v}}了", f"{t}在{{v}}", f"{t}放{{v}}了"] + [a.replace("{n}", t) for a in facts_more.SAY_PLACE_ZH], [a.format(n=t) for a in facts_more.ASK_PLACE_ZH] + [f"我的{t}在哪里", f"{t}在哪", f"我把{t}放哪了", f"{t}放在什么地方了", f"看到我的{t}了吗", f"我找不到{t}了", f"{t}去哪了"], f"你的{t}在{{v}}。", f"用户的{t}在{{v}}")
    be = "are" if t in PLURAL else "is"
    return spec("place", [f"my {t} {be} {{v}}", f"i put my {t} {{v}}", f"i left my {t} {{v}}", f"the {t} {be} {{v}}"] + [a.replace("{n}", t) for a in facts_more.SAY_PLACE_EN], [a.format(n=t) for a in facts_more.ASK_PLACE_EN] + [f"where {be} my {t}", f"where did i put my {t}", f"where did i leave my {t}", f"have you seen my {t}", f"do you know where my {t} {be}", f"i can't find my {t}", f"where {be} the {t}", f"i lost my {t}"], f"Your {t} {be} {{v}}.", f"the user's {t} {be} {{v}}")


def dated(d: str, lang: str) -> dict:
    """What one does on a day."""
    if lang == "zh":
        return spec("event", [f"我{d}要{{v}}", f"{d}我要{{v}}", f"我{d}得{{v}}"], [f"我{d}要做什么", f"我{d}有什么安排", f"{d}我要干什么", f"{d}有什么事"], f"你{d}要{{v}}。", f"用户{d}要{{v}}")
    return spec("event", [f"i have {{v}} {d}", f"{d} i have {{v}}"], [f"what do i have {d}", f"what are my plans {d}", f"what am i doing {d}", f"what is happening {d}", f"do i have something {d}"], f"You have {{v}} {d}.", f"the user has {{v}} {d}")


def timed(m: str, lang: str) -> dict:
    """When something begins."""
    if lang == "zh":
        return spec("time", [f"{m}是{{v}}", f"我的{m}是{{v}}", f"{m}{{v}}开始"], [f"{m}是几点", f"{m}什么时候开始", f"我的{m}是什么时候", f"几点{m}"], f"{m}是{{v}}。", f"用户的{m}是{{v}}")
    return spec("time", [f"my {m} is at {{v}}", f"the {m} is at {{v}}", f"my {m} starts at {{v}}"], [f"when is my {m}", f"what time is my {m}", f"when does my {m} start", f"when is the {m}"], f"Your {m} is at {{v}}.", f"the user's {m} is at {{v}}")


def self_spec(row: tuple, lang: str) -> dict:
    """A verb about oneself."""
    say, ask, answer, kind = row
    note = say.replace("我", "用户", 1) if lang == "zh" else "the user: " + say
    return spec(kind, [say], ask, answer, note)


def pet(p: str, lang: str) -> dict:
    """The name of an animal."""
    if lang == "zh":
        return spec("pet", [f"我的{p}叫{{v}}", f"我养了一只{p}叫{{v}}", f"我家的{p}叫{{v}}", f"{{v}}是我的{p}"], [f"我的{p}叫什么", f"我的{p}叫什么名字", f"我家的{p}叫什么", f"{p}的名字是什么"], f"你的{p}叫{{v}}。", f"用户的{p}叫{{v}}")
    return spec("pet", [f"my {p} is called {{v}}", f"i have a {p} named {{v}}", f"my {p}'s name is {{v}}", f"{{v}} is my {p}"], [f"what is my {p} called", f"what is my {p}'s name", f"what is the name of my {p}", f"do you know my {p}'s name", f"how is my {p} called"], f"Your {p} is called {{v}}.", f"the user's {p} is called {{v}}")


FAMILIES = ("noun", "noun", "favorite", "relative", "relative", "place", "dated", "timed", "self", "self", "pet")


def attribute(lang: str, rng: random.Random, odd, family: str | None = None) -> tuple[str, dict]:
    """A key and a spec; `odd(lang, rng)` makes words that no list holds."""
    i, family = (0 if lang == "zh" else 1), family or rng.choice(FAMILIES)
    if family == "noun":
        kind = rng.choice(("number", "name", "odd", "odd"))
        n = odd(lang, rng) if rng.random() < 0.25 else rng.choice((NOUNS_ZH, NOUNS_EN)[i][kind])
        return f"noun {n}", (noun_zh if lang == "zh" else noun_en)(n, kind)
    if family == "favorite":
        c = odd(lang, rng) if rng.random() < 0.2 else rng.choice(FAVORITES[i])
        return f"favorite {c}", favorite(c, lang)
    if family == "relative":
        r, what = rng.choice(RELATIVES[i]), rng.choice(("name", "name", "city", "job", "food", "hobby", "age", "date"))
        return f"relative {r} {what}", (relative_zh if lang == "zh" else relative_en)(r, what)
    if family == "place":
        t = odd(lang, rng) if rng.random() < 0.2 else rng.choice(THINGS[i])
        return f"place {t}", place(t, lang)
    if family == "dated":
        d = rng.choice(DAYS[i])
        return f"dated {d}", dated(d, lang)
    if family == "timed":
        m = odd(lang, rng) if rng.random() < 0.2 else rng.choice(MEETINGS[i])
        return f"timed {m}", timed(m, lang)
    if family == "self":
        row = rng.choice((SELF_ZH, SELF_EN)[i])
        return f"self {row[0]}", self_spec(row, lang)
    p = odd(lang, rng) if rng.random() < 0.15 else rng.choice(PETS[i])
    return f"pet {p}", pet(p, lang)


WRAP_ZH = ["你还记得{q}吗", "你知道{q}吗", "请问{q}", "告诉我{q}", "你能告诉我{q}吗", "我忘了{q}", "对了{q}", "{q}来着", "我想知道{q}", "快说{q}", "{q}你记得吗", "你记得{q}吗", "小伴{q}", "嗯{q}", "那{q}呢", "{q}啊"]
WRAP_EN = ["hey {q}", "so {q}", "please {q}", "{q} again", "companion {q}", "quick question {q}", "okay {q}", "and {q}", "let me ask you {q}", "{q} do you remember", "hm {q}", "now {q}", "one question {q}", "{q} please"]
TELL_ZH = ["记住{s}", "请记住{s}", "帮我记住{s}", "你要记住{s}", "告诉你{s}", "其实{s}", "对了{s}", "别忘了{s}", "跟你说{s}", "记一下{s}", "你知道吗{s}", "{s}哦", "{s}呢", "我告诉你{s}"]
TELL_EN = ["remember that {s}", "please remember that {s}", "remember {s}", "by the way {s}", "don't forget that {s}", "you know {s}", "well {s}", "i tell you {s}", "just so you know {s}", "keep in mind that {s}", "make a note {s}", "actually {s}", "listen {s}"]


def wrapped(text: str, lang: str, rng: random.Random, telling: bool) -> str:
    """A question or a statement with words around it."""
    if rng.random() < 0.65:
        return text
    if telling:
        return rng.choice(TELL_ZH if lang == "zh" else TELL_EN).format(s=text)
    return rng.choice(WRAP_ZH if lang == "zh" else WRAP_EN).format(q=text)
