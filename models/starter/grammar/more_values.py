"""More values for the slots of the templates, joined with those of `lexicon`. Written for this project."""

from __future__ import annotations

import random

EN_NAMES = """William Robin Andrew Angela Anthony Barbara Benjamin Catherine Christine Daniel Deborah Dennis Dorothy Edith Elizabeth Esther Evelyn Felicity Fiona Francis Gabriel Geoffrey Gerald Gloria
Hannah Harold Hazel Heather Isaac Isabel Jacob Janet Jasmine Jeremy Jessica Jonathan Jordan Joseph Joshua Joyce Judy Keith Kelly Kenneth Larry Lawrence Leah Lewis Lily Louis Louise Lydia Madison Marcus
Margaret Marie Marvin Matthew Maurice Melissa Michael Michelle Miriam Molly Monica Nathan Naomi Nicholas Nicole Nigel Norman Pamela Patricia Patrick Penny Philip Phoebe Rachel Raymond Rebecca Richard Roger Ronald
Samantha Samuel Sean Sebastian Shirley Stella Stephen Stuart Sylvia Teresa Theodore Thomas Timothy Tina Toby Tracy Tyler Valerie Vanessa Vincent Violet Virginia Walter Wendy Wesley Wilson Xavier Yolanda Yvonne Zachary
Abby Aiden Alan Albert Alfred Amber April Arthur Ashley Audrey Bella Bonnie Brenda Bruce Caleb Carla Cheryl Chris Cindy Colin Connor Craig Cynthia Dale Daisy Damian Darren Derek Dominic Doug Dylan Eddie Elaine Eleanor Elijah Ellen Elsa Ethan Eugene Evan
Fred Gavin Gina Gordon Greg Heidi Howard Irene Jackie Jared Jean Jeff Jenny Jill Jim Joe Joel Johnny Josie Judith Julie June Justin Katie Kim Kirk Lance Lauren Lena Leon Lucas Mandy Marion Mason Maya Mona Nelson Nina Noel Otto Paige Pete Polly Quentin Rita Rob Roy Russell Sally Scott Sheila Shelly Sid Sonia Stan Sue Tara Ted Terry Tim Todd Tony Trevor Troy Vicky Wayne Will""".split()

_FOOD_EN = """avocados|beans|beets|blackberries|broccoli|brown bread|burgers|butter|cabbage|candy|cereal|cheesecake|chestnuts|chili|chips|cinnamon rolls|coconut|corn|crab|cranberries|cream|cucumbers|dark chocolate|donuts|dried fruit|duck|fish and chips|french fries|fried chicken|fried eggs|fruit salad
|garlic bread|ginger|grapefruit|green beans|ham|hot dogs|hot soup|jam|kiwis|leeks|lentils|lettuce|lime|macaroni|maple syrup|marmalade|mashed potatoes|melon|muffins|mustard|nuts|olives|oysters|peas|pepper|pickles|pineapple|plums|pork|pudding|pumpkin pie|raisins|roast beef|roast chicken
|salmon|sandwiches|sausages|scrambled eggs|seafood|sour cream|sweet potatoes|toast|tomato soup|tuna|turkey|vanilla ice cream|vegetable soup|vegetables|watermelon|white bread|white rice|zucchini|peanut butter|chicken soup|rice pudding|onion rings|barbecue|strawberry jam|fresh fruit|lamb chops|mushroom soup|noodle soup|egg rolls|spring rolls"""
_HOBBY_EN = """bowling|boxing|climbing|collecting coins|dancing tango|diving|doing nothing|drinking tea|eating out|feeding birds|flying kites|folding paper|going for walks|going to the gym|ice skating|jogging|juicing|karate|learning languages|making jewelry|making music|meeting friends|painting walls|playing badminton|playing cards|playing darts|playing golf|playing ping pong
|playing the drums|playing the flute|playing the violin|playing volleyball|reading comics|rock climbing|rowing|sewing|sitting in the sun|skateboarding|snowboarding|solving riddles|studying history|swimming in the sea|taking photos|telling stories|visiting museums|volunteering|watching birds|watching cartoons|watching football|watching the news|working out|writing letters"""
_CITY_EN = """Amsterdam|Atlanta|Baltimore|Barcelona|Birmingham|Bristol|Brussels|Budapest|Chengdu|Copenhagen|Dallas|Detroit|Edinburgh|Florence|Frankfurt|Hamburg|Hawaii|Houston|Istanbul|Jakarta|Kyoto|Las Vegas|Leeds|Liverpool|Manchester|Melbourne|Memphis|Mexico City|Mumbai|Munich|Naples|Nashville|Osaka|Orlando|Philadelphia|Phoenix|Pittsburgh
|Quebec|Rio|Sacramento|Salt Lake City|San Diego|Santiago|Stockholm|Tampa|Texas|Toulouse|Venice|Wellington|York|California|Florida|Germany|France|Spain|Italy|China|Japan|Canada|Australia|England|Scotland|Ireland|Brazil|India|Egypt|Greece|Norway|Sweden|Poland|Turkey|Russia|Mexico|America|Africa|Europe"""
_JOB_EN = """bus driver|cashier|chef|cleaner|clerk|composer|dancer|detective|director|editor|electrician|fisherman|gardener|hairdresser|historian|judge|manager|mechanic|model|nanny|painter|pharmacist|pianist|poet|postman|priest|professor|psychologist|secretary|security guard|shop assistant|social worker|soldier|taxi driver|truck driver|vet|waiter|waitress|web designer|zookeeper|chemist|physicist|biologist|lecturer|tutor|caretaker|builder|butler"""
_EVENT_EN = """a job interview|a basketball game|a big exam|a business trip|a checkup|a concert|a conference|a cooking class|a dance class|a deadline|a driving test|a family dinner|a funeral|a graduation|a job fair|a long day|a math test|a meeting with my boss|a parent meeting|a piano lesson|a picnic|a reunion|a school play|a swimming lesson|a vacation|a video call|a visit|an operation|an opera|dinner with {name}|lunch with {name}|my birthday|my exam|the match|the meeting|the party|the wedding|yoga class|the marathon|our anniversary"""
_PET_EN = """Angel Apollo Bailey Banjo Bear Benji Blacky Bobby Bruno Buster Candy Casper Chester Chip Cleo Cookie Dexter Dixie Duke Dusty Felix Finn Fluffy Fuzzy Gizmo Goldie Gus Hazel Honey Jasper Kiki Kitty Lola Lulu Maggie Maple Mimi Mocha Molly Muffin Nala Olive Otis Patches Peanut Penny Pippin Poppy Princess Pumpkin Rex Romeo Rosie Rusty Sadie Sammy Sasha Scout Simba Smokey Sophie Spot Stella Sugar Sunny Teddy Toby Trixie Tucker Winnie Ziggy Zorro"""

_FOOD_ZH = """白米饭 板栗 爆米花 冰粉 菠菜 菜花 叉烧饭 炒面 橙子 臭豆腐 葱油饼 蛋炒饭 刀削面 冬瓜 豆腐脑 豆角 粉丝 凤爪 甘蔗 干锅 桂圆 锅贴 果冻 海鲜 红豆汤 红薯 红烧鱼 胡萝卜 花菜 花卷 花椰菜 黄桃 火腿 鸡翅 鸡蛋 鸡汤 鸡腿 煎蛋 姜茶 酱油 酱肉 烤鸡 烤肉 烤鱼 口香糖 苦瓜 拉面 辣条
蓝莓 凉菜 凉面 卤肉 卤蛋 绿豆汤 萝卜 麻辣烫 馒头 蜜桃 米粉 米线 蘑菇 抹茶 柠檬茶 牛排 牛肉面 排骨汤 葡萄干 青菜 青椒 热狗 肉夹馍 三明治 沙拉 生菜 生煎 石锅饭 酸菜鱼 酸辣粉 蒜苗 糖果 糖葫芦 甜甜圈 豌豆 武昌鱼 西兰花 西红柿 虾饺 馅饼 香蕉牛奶 香菇 羊肉串 杨梅 洋葱 椰子 意大利面 银耳汤 油菜 柚子 玉米 芋头 炸鸡 炸酱面 芝士 猪肉 竹笋 紫菜汤 紫薯"""
_HOBBY_ZH = """拼图 打网球 打排球 打麻将 打扑克 跳绳 跳广场舞 骑马 划船 蹦极 攀岩 打高尔夫 打台球 做蛋糕 做瑜伽 学外语 看新闻 看动漫 看小说 看比赛 听故事 听广播 喝茶 喝咖啡 泡温泉 晒太阳 练字 练武术 拍照片 拍视频 玩积木 玩手机 养花 养猫 遛狗 写日记 写小说 唱京剧 吹口哨 弹古筝 打鼓 学画画 收集硬币 看展览 逛公园 逛超市 去健身房 跑马拉松 包饺子 烤面包"""
_CITY_ZH = """石家庄 太原 呼和浩特 长春 宜昌 南宁 海口 乌鲁木齐 无锡 常州 温州 金华 嘉兴 芜湖 泉州 烟台 威海 洛杉矶 旧金山 芝加哥 波士顿 多伦多 温哥华 墨尔本 新加坡 马德里 巴塞罗那 阿姆斯特丹 大阪 京都 开罗 孟买 河内 澳门 台南 东莞 佛山 惠州 大理 丽江 敦煌 延安 承德 秦皇岛 唐山 保定 湖南 湖北 四川 山东 江西 云南 广东 河南 东北 美国 英国 法国 德国 日本 韩国 加拿大 意大利"""
_JOB_ZH = """美食家 主持人 军人 法官 公务员 售货员 服务员 清洁工 电工 水管工 建筑师 经理 老板 秘书 出纳 研究员 教授 校长 辅导员 健身教练 舞蹈老师 钢琴老师 心理医生 营养师 救生员 出租车司机 卡车司机 空姐 列车员 图书管理员 诗人 作曲家 导演 编剧 主播 模特 美容师 花店老板 面包师 渔民 矿工 焊工 油漆工 保姆 月嫂 产品经理 数据分析师 会计师 税务员"""
_EVENT_ZH = """加班 开家长会 做手术 考驾照 做汇报 交房租 交论文 参加比赛 参加葬礼 参加毕业典礼 去医院 去银行 去健身房 去图书馆 去超市 去奶奶家 和同学聚会 和老板谈话 打扫房间 洗车 修电脑 剪头发 练琴 补课 写报告 准备考试 送孩子上学 接妈妈 过生日 约会 爬山 露天烧烤 看电影 看病人 取快递 寄包裹 换手机 搬办公室 面见客户 签合同"""
_PET_ZH = """阿黄 大黄 小花 小宝 贝贝 欢欢 笨笨 乖乖 憨憨 煤球 年糕 汤圆 土豆 西瓜 草莓 花生 豆包 馒头 包子 奥利奥 米粒 可可 露露 妮妮 琪琪 娃娃 威威 小胖 小黄 小橘 橘子 辣椒 板栗 饭团 泡芙 麻薯 虎子 大白 卡卡 乐乐 嘻嘻 哈利"""

LISTS = {
    "food": (_FOOD_ZH.split(), _FOOD_EN.replace("\n", "").split("|")), "hobby": (_HOBBY_ZH.split(), _HOBBY_EN.replace("\n", "").split("|")),
    "city": (_CITY_ZH.split(), _CITY_EN.replace("\n", "").split("|")), "job": (_JOB_ZH.split(), _JOB_EN.split("|")),
    "pet": (_PET_ZH.split(), _PET_EN.split()), "event": (_EVENT_ZH.split(), _EVENT_EN.replace("{name}", "anna").split("|")),
}
PAIRS = {
    "animal": [("小猫", "kitten"), ("小狗", "puppy"), ("猴子", "monkey"), ("狮子", "lion"), ("长颈鹿", "giraffe"), ("企鹅", "penguin"), ("蛇", "snake"), ("鲨鱼", "shark"), ("奶牛", "cow"), ("山羊", "goat"), ("绵羊", "lamb"), ("公鸡", "rooster"), ("青蛙", "frog"), ("蝴蝶", "butterfly"), ("蜘蛛", "spider"), ("老鼠", "mouse"), ("猫头鹰", "owl"), ("熊", "bear"), ("狼", "wolf"), ("驴", "donkey"), ("骆驼", "camel"), ("鳄鱼", "crocodile"), ("鲸鱼", "whale"), ("蜜蜂", "bee"), ("蚂蚁", "ant"), ("黑猫", "black cat"), ("大狗", "big dog")],
    "thing": [("电脑", "computer"), ("平板", "tablet"), ("相机", "camera"), ("围巾", "scarf"), ("手套", "gloves"), ("外套", "jacket"), ("鞋", "shoes"), ("自行车", "bike"), ("车钥匙", "car keys"), ("银行卡", "bank card"), ("笔记本", "notebook"), ("梳子", "comb"), ("剪刀", "scissors"), ("戒指", "ring"), ("项链", "necklace"), ("毛衣", "sweater"), ("牙刷", "toothbrush"), ("票", "ticket"), ("书", "book"), ("信", "letter"), ("杯子", "cup"), ("照片", "photo"), ("作业", "homework"), ("球", "ball"), ("玩具", "toy"), ("吉他", "guitar"), ("毛巾", "towel"), ("行李箱", "suitcase")],
    "place": [("冰箱上面", "on the fridge"), ("冰箱里", "in the fridge"), ("枕头下面", "under the pillow"), ("客厅里", "in the living room"), ("卧室里", "in the bedroom"), ("阳台上", "on the balcony"), ("衣柜里", "in the closet"), ("口袋里", "in my pocket"), ("鞋柜里", "next to the shoes"), ("电视旁边", "next to the tv"), ("床头柜上", "on the night table"), ("箱子里", "in the box"), ("洗手间里", "in the bathroom"), ("餐桌上", "on the kitchen table"), ("门口", "at the front door"), ("车库里", "in the garage"), ("朋友家", "at my friend's house"), ("公司", "at work"), ("学校", "at school"), ("地板上", "on the floor"), ("椅子上", "on the chair"), ("花盆下面", "under the flower pot"), ("红色的盒子里", "in the red box"), ("第二个抽屉里", "in the second drawer")],
    "day": [("昨天", "yesterday"), ("前天", "the day before yesterday"), ("今天上午", "this morning"), ("今天下午", "this afternoon"), ("明天晚上", "tomorrow evening"), ("下周一", "next monday"), ("下周五", "next friday"), ("这个周六", "this saturday"), ("月底", "at the end of the month"), ("明年", "next year"), ("暑假", "in the summer"), ("中午", "at noon"), ("一会儿", "in an hour"), ("过年的时候", "at christmas"), ("三号", "on the third")],
    "relative": [("外婆", "grandma"), ("外公", "grandpa"), ("叔叔", "uncle"), ("阿姨", "aunt"), ("舅舅", "cousin"), ("姑姑", "niece"), ("表哥", "nephew"), ("表妹", "older sister"), ("老师", "teacher"), ("同事", "colleague"), ("室友", "roommate"), ("老公", "mom"), ("老婆", "dad"), ("孩子", "baby"), ("孙子", "grandson"), ("孙女", "granddaughter"), ("师傅", "coach"), ("房东", "landlord"), ("医生", "doctor"), ("好朋友", "friend"), ("大哥", "older brother"), ("婆婆", "mother in law")],
    "music": [("钢琴", "piano music"), ("小提琴曲", "violin music"), ("儿歌", "children's songs"), ("老歌", "old songs"), ("摇篮曲", "a lullaby"), ("英文歌", "english songs"), ("中文歌", "chinese songs"), ("舞曲", "dance music"), ("圣诞歌", "christmas songs"), ("安静的音乐", "quiet music"), ("蓝调", "the blues"), ("电子音乐", "electronic music"), ("重金属", "heavy metal"), ("粤语歌", "guitar music")],
    "color": [("深蓝色", "dark blue"), ("浅蓝色", "light blue"), ("天蓝色", "sky blue"), ("深绿色", "dark green"), ("酒红色", "dark red"), ("咖啡色", "light brown")],
}
SMALL = {
    "drink": ("咖啡 茶 牛奶 豆浆 果汁 热水 奶茶 可乐 红酒 啤酒 绿茶 冰水 柠檬水 酸梅汤".split(), "coffee|tea|green tea|milk|water|juice|apple juice|orange juice|hot chocolate|beer|wine|red wine|soda|lemonade|black coffee|cold water|mint tea".split("|")),
    "ordinal": ("一 二 三 四 五 六 七 八 九 十".split(), "first second third fourth fifth sixth seventh eighth ninth tenth".split()),
    "month": ("一月 二月 三月 四月 五月 六月 七月 八月 九月 十月 十一月 十二月".split(), "January February March April May June July August September October November December".split()),
    "weekday": ("星期一 星期二 星期三 星期四 星期五 星期六 星期天 周一 周三 周五 周日".split(), "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()),
    "past": ("昨天 前天 上周 上个月 去年 昨天晚上 刚才 今天早上 小时候 三天前".split(), "yesterday|last night|last week|last month|last year|this morning|a week ago|two days ago|an hour ago|when i was young|on the weekend".split("|")),
}


def value(kind: str, lang: str, rng: random.Random) -> str | None:
    """A value of a kind that only stands here, or (in half of the draws) one of the longer lists."""
    i = 0 if lang == "zh" else 1
    if kind in SMALL:
        return rng.choice(SMALL[kind][i])
    if kind == "job_a":
        job = rng.choice(LISTS["job"][i])
        return job if i == 0 else ("an " if job[0] in "aeio" else "a ") + job
    return rng.choice(LISTS[kind][i]) if kind in LISTS and rng.random() < 0.55 else None
