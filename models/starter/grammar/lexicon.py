"""Word lists: the values that stand in the slots of the templates. Written for this project."""

from __future__ import annotations

import random

from . import more_values as more

SURNAMES = list("王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文")
GIVEN = list("明华强丽敏静伟芳娜秀英杰涛磊军洋勇艳娟刚平辉玲桂兰霞红梅燕鹏飞宇浩然欣怡梦琪佳子轩雨涵思雅诺晨阳博文俊凯乐天心悦安宁小雪冰晓东南北海波云山林森柏松竹青蓝紫丹彤玉珍珠瑞祥福生春夏秋冬月星辰光亮远志成立国庆建新民")
NICK = ["小明", "小红", "小李", "阿明", "阿华", "小雨", "小雪", "小龙", "小虎", "大伟", "小芳", "丽丽", "娜娜", "豆豆", "乐乐", "天天", "圆圆", "阿杰", "小军", "小美", "小杰", "阿强"]
EN_NAMES = "Tom Mary John Anna Peter Lucy David Emma Jack Alice Mike Sarah James Linda Robert Susan Paul Karen Mark Lisa George Nancy Kevin Betty Brian Helen Steven Sandra Edward Donna Henry Carol Frank Ruth Eric Sharon Adam Laura Ryan Emily Jason Megan Oliver Sophie Harry Grace Charlie Chloe Oscar Ella Leo Mia Max Zoe Sam Kate Ben Rose Alex Julia Dan Amy Luke Clara Noah Eva Simon Nora Victor Iris Martin Jane Felix Diana Hugo Maria Ivan Olga Nick Vera Ray Ivy Carl Joan Dean Hope Neil Dora Glen Faye Ross Gwen Kyle Tess Wade Beth Owen Ruby Seth Pearl".split()
FOODS_ZH = "苹果 香蕉 西瓜 草莓 葡萄 橘子 桃子 芒果 饺子 面条 米饭 包子 馒头 火锅 烤鸭 炒饭 豆腐 牛肉 羊肉 鸡肉 鱼 虾 螃蟹 蛋糕 饼干 巧克力 冰淇淋 牛奶 酸奶 豆浆 咖啡 绿茶 红茶 果汁 可乐 啤酒 汤圆 粽子 月饼 寿司 披萨 汉堡 薯条 面包 土豆 番茄 黄瓜 茄子 白菜 香菜 辣椒 大蒜 榴莲 菠萝 樱桃 柠檬 梨 核桃 花生 糖醋排骨 宫保鸡丁 麻婆豆腐 红烧肉 小笼包 煎饼 油条 粥 馄饨 凉皮".split()
FOODS_EN = "apples bananas oranges grapes strawberries mangoes peaches pears cherries lemons noodles rice dumplings pizza pasta bread cheese chocolate cake cookies ice cream|fish|chicken|beef|lamb|shrimp|tofu|soup|salad|sushi|hamburgers|potatoes|tomatoes|carrots|onions|mushrooms|spinach|eggs|bacon|pancakes|honey|peanuts|walnuts|green tea|black coffee|orange juice|hot chocolate|milk|yogurt|lemonade|curry|tacos|steak|popcorn|waffles|spicy food|roast duck|fried rice|apple pie|blueberries".replace("apples bananas oranges grapes strawberries mangoes peaches pears cherries lemons noodles rice dumplings pizza pasta bread cheese chocolate cake cookies ice cream", "apples|bananas|oranges|grapes|strawberries|mangoes|peaches|pears|cherries|lemons|noodles|rice|dumplings|pizza|pasta|bread|cheese|chocolate|cake|cookies|ice cream").split("|")
HOBBIES_ZH = "跑步 游泳 爬山 骑车 打篮球 踢足球 打羽毛球 打乒乓球 下棋 画画 唱歌 跳舞 弹钢琴 弹吉他 拉小提琴 看书 看电影 听音乐 写字 摄影 钓鱼 种花 做饭 旅行 滑雪 滑冰 打游戏 养鱼 瑜伽 书法 写诗 编程 逛街 睡觉 散步 看星星 做手工 织毛衣 收集邮票 看动画片".split()
HOBBIES_EN = "running|swimming|hiking|cycling|playing basketball|playing football|playing tennis|playing chess|painting|singing|dancing|playing the piano|playing the guitar|reading|watching movies|listening to music|writing|photography|fishing|gardening|cooking|traveling|skiing|skating|playing video games|yoga|knitting|writing poems|programming|shopping|sleeping|walking|watching the stars|collecting stamps|baking|drawing|camping|sailing|riding horses|doing puzzles".split("|")
CITIES_ZH = "北京 上海 广州 深圳 杭州 南京 武汉 成都 重庆 西安 天津 苏州 长沙 青岛 大连 厦门 昆明 哈尔滨 沈阳 济南 郑州 福州 合肥 南昌 贵阳 兰州 拉萨 桂林 三亚 香港 台北 伦敦 巴黎 纽约 东京 首尔 柏林 罗马 莫斯科 悉尼".split()
CITIES_EN = "London|Paris|New York|Boston|Chicago|Berlin|Rome|Madrid|Tokyo|Sydney|Toronto|Dublin|Vienna|Oslo|Beijing|Shanghai|Hong Kong|Singapore|Seattle|Denver|Austin|Miami|Lisbon|Prague|Moscow|Athens|Cairo|Delhi|Bangkok|Seoul|Helsinki|Warsaw|Geneva|Milan|Oxford|Cambridge|San Francisco|Los Angeles|Washington|Vancouver".split("|")
JOBS_ZH = "老师 医生 护士 工程师 程序员 律师 会计 司机 厨师 画家 歌手 演员 作家 记者 警察 消防员 农民 工人 学生 科学家 设计师 摄影师 翻译 教练 飞行员 导游 快递员 理发师 银行职员 销售".split()
JOBS_EN = "teacher|doctor|nurse|engineer|programmer|lawyer|accountant|driver|cook|painter|singer|actor|writer|reporter|police officer|firefighter|farmer|worker|student|scientist|designer|photographer|translator|coach|pilot|guide|baker|barber|banker|salesman|librarian|carpenter|plumber|musician|dentist".split("|")
COLORS = [("红色", "red"), ("蓝色", "blue"), ("绿色", "green"), ("黄色", "yellow"), ("紫色", "purple"), ("黑色", "black"), ("白色", "white"), ("粉色", "pink"), ("橙色", "orange"), ("灰色", "gray"), ("棕色", "brown"), ("金色", "gold")]
ANIMALS = [("猫", "cat"), ("狗", "dog"), ("兔子", "rabbit"), ("鹦鹉", "parrot"), ("乌龟", "turtle"), ("金鱼", "goldfish"), ("仓鼠", "hamster"), ("小鸟", "bird"), ("马", "horse"), ("鸭子", "duck"), ("熊猫", "panda"), ("老虎", "tiger"), ("大象", "elephant"), ("海豚", "dolphin")]
PET_NAMES_ZH = "咪咪 旺财 小白 小黑 豆豆 毛毛 球球 花花 可乐 布丁 多多 雪球 点点 胖胖 团团 来福 皮皮 妞妞 嘟嘟 奶茶".split()
PET_NAMES_EN = "Lucky Snowy Max Bella Coco Ginger Shadow Daisy Buddy Oscar Milo Luna Charlie Pepper Bubbles Rocky Socks Tiger Misty Oreo".split()
MUSIC = [("古典音乐", "classical music"), ("爵士乐", "jazz"), ("摇滚乐", "rock music"), ("民歌", "folk songs"), ("流行歌", "pop songs"), ("钢琴曲", "piano music"), ("轻音乐", "soft music"), ("京剧", "Beijing opera"), ("电影音乐", "film music"), ("说唱", "rap music"), ("乡村音乐", "country music")]
RELATIVES = [("妈妈", "mother"), ("爸爸", "father"), ("姐姐", "sister"), ("哥哥", "brother"), ("妹妹", "little sister"), ("弟弟", "little brother"), ("女儿", "daughter"), ("儿子", "son"), ("妻子", "wife"), ("丈夫", "husband"), ("奶奶", "grandmother"), ("爷爷", "grandfather"), ("女朋友", "girlfriend"), ("男朋友", "boyfriend"), ("同学", "classmate"), ("老板", "boss"), ("邻居", "neighbor"), ("朋友", "best friend")]
THINGS = [("钥匙", "keys"), ("手机", "phone"), ("钱包", "wallet"), ("眼镜", "glasses"), ("雨伞", "umbrella"), ("护照", "passport"), ("遥控器", "remote control"), ("书包", "bag"), ("药", "medicine"), ("充电器", "charger"), ("帽子", "hat"), ("手表", "watch")]
PLACES = [("抽屉里", "in the drawer"), ("桌子上", "on the table"), ("床下面", "under the bed"), ("沙发上", "on the sofa"), ("柜子里", "in the cupboard"), ("门后面", "behind the door"), ("书架上", "on the shelf"), ("车里", "in the car"), ("厨房里", "in the kitchen"), ("办公室里", "in the office"), ("书包里", "in my bag"), ("窗台上", "on the window sill")]
EVENTS_ZH = "开会 考试 面试 看医生 看牙 搬家 出差 旅行 参加婚礼 回家 去机场 见朋友 交作业 买菜 打疫苗 接孩子 上课 值班 看演出 体检".split()
EVENTS_EN = "a meeting|an exam|an interview|a doctor's appointment|a party|a flight|a wedding|a lesson|a concert|a dinner with friends|a dentist appointment|a trip|a football match|a phone call|a presentation|a haircut|a birthday party|a date|a class|a test".split("|")
DAYS = [("今天", "today"), ("明天", "tomorrow"), ("后天", "the day after tomorrow"), ("今天晚上", "tonight"), ("明天早上", "tomorrow morning"), ("明天下午", "tomorrow afternoon"), ("周末", "this weekend"), ("下周", "next week"), ("星期一", "on Monday"), ("星期二", "on Tuesday"), ("星期三", "on Wednesday"), ("星期四", "on Thursday"), ("星期五", "on Friday"), ("星期六", "on Saturday"), ("星期天", "on Sunday"), ("下个月", "next month")]
DIGITS_ZH = "零一二三四五六七八九"
EN_UNITS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
EN_TENS = "- - twenty thirty forty fifty sixty seventy eighty ninety".split()
EN_MONTHS = "January February March April May June July August September October November December".split()
EN_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth".split()


def zh_number(n: int) -> str:
    """Reads 0..9999 in Chinese: 24 → 二十四, 105 → 一百零五."""
    if n < 10:
        return DIGITS_ZH[n]
    text, started, zero = "", False, False
    for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, n = divmod(n, unit)
        if digit:
            if zero:
                text += "零"
            text += ("" if digit == 1 and unit == 10 and not started else DIGITS_ZH[digit]) + name
            started, zero = True, False
        elif started and n:
            zero = True
    return text


def en_number(n: int) -> str:
    """Reads 0..999 in English: 24 → twenty four."""
    if n < 20:
        return EN_UNITS[n]
    if n < 100:
        return EN_TENS[n // 10] + ("" if n % 10 == 0 else " " + EN_UNITS[n % 10])
    rest = "" if n % 100 == 0 else " and " + en_number(n % 100)
    return EN_UNITS[n // 100] + " hundred" + rest


def en_ordinal(n: int) -> str:
    """Reads 1..31 as an ordinal: 21 → twenty first."""
    if n <= 20:
        return EN_ORDINALS[n - 1]
    return ("thirtieth" if n == 30 else EN_TENS[n // 10] + " " + EN_ORDINALS[n % 10 - 1])


def zh_name(rng: random.Random) -> str:
    """A Chinese name: nickname, or surname with one or two given characters."""
    if rng.random() < 0.3:
        return rng.choice(NICK)
    given = "".join(rng.sample(GIVEN, rng.choice((1, 2, 2))))
    return rng.choice(SURNAMES) + given if rng.random() < 0.8 else "小" + rng.choice(GIVEN + SURNAMES)


def en_name(rng: random.Random) -> str:
    """An English given name."""
    return rng.choice(EN_NAMES)


def value(kind: str, lang: str, rng: random.Random) -> str:
    """A random value for a slot such as `food`, in `lang`."""
    zh = lang == "zh"
    i = 0 if zh else 1
    pairs = {"color": COLORS, "animal": ANIMALS, "music": MUSIC, "relative": RELATIVES, "thing": THINGS, "place": PLACES, "day": DAYS}
    if kind in pairs:
        return rng.choice(pairs[kind] + more.PAIRS.get(kind, []))[i]
    if kind == "name" and not zh and rng.random() < 0.4:
        return rng.choice(more.EN_NAMES)
    if kind == "name":
        return zh_name(rng) if zh else en_name(rng)
    if kind == "age":
        return zh_number(rng.randint(5, 80)) if zh else en_number(rng.randint(5, 80))
    if kind == "number":
        return zh_number(rng.randint(1, 120)) if zh else en_number(rng.randint(1, 120))
    if kind == "date":
        month, day = rng.randint(1, 12), rng.randint(1, 28)
        return f"{zh_number(month)}月{zh_number(day)}{rng.choice('日号')}" if zh else f"{EN_MONTHS[month - 1]} {en_ordinal(day)}"
    if kind == "time":
        hour, half = rng.randint(1, 12), rng.random() < 0.3
        if zh:
            return rng.choice(("", "早上", "下午", "晚上", "上午")) + zh_number(hour) + "点" + ("半" if half else "")
        return ("half past " if half else "") + en_number(hour) + rng.choice((" o'clock", "", " in the morning", " in the evening"))
    if kind == "minutes":
        n = rng.choice((1, 2, 3, 5, 10, 15, 20, 30, 45, 60))
        return zh_number(n) + "分钟" if zh else en_number(n) + (" minute" if n == 1 else " minutes")
    extra = more.value(kind, lang, rng)
    if extra:
        return extra
    lists = {
        "food": (FOODS_ZH, FOODS_EN), "hobby": (HOBBIES_ZH, HOBBIES_EN), "city": (CITIES_ZH, CITIES_EN),
        "job": (JOBS_ZH, JOBS_EN), "pet": (PET_NAMES_ZH, PET_NAMES_EN), "event": (EVENTS_ZH, EVENTS_EN),
    }
    return rng.choice(lists[kind][i])
