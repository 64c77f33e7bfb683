"""Phrasings for tests only, written apart from the training grammars: (kind of value, statement, questions).

`TRAINED_*`: attributes that occur in training, said and asked in other words. `UNSEEN_*`: attributes that do not.
`TELL_*`: statements to be acknowledged. `TOPIC_*`: small talk, with words of which a fitting reply has at least one.
"""

TRAINED_ZH = [
    ("name", "朋友们都管我叫{v}", ["你记不记得我的大名", "考考你，我姓甚名谁", "该怎么称呼我来着"]), ("name", "鄙人{v}", ["刚认识的时候我说我叫啥来着", "我是哪位你还认得出吗"]),
    ("age", "过完年我就满{v}岁了", ["你说我如今多大岁数了", "我的岁数你晓得吗"]), ("date", "我妈是{v}那天把我生下来的", ["哪一天该给我买生日蛋糕", "我是几月几号生的"]),
    ("city", "我目前定居在{v}", ["我的家安在哪座城市", "你晓得我现在在哪儿定居吗"]), ("city", "我从小在{v}长大", ["我的家乡是什么地方", "我是在哪儿长大的"]),
    ("job", "我靠当{v}养家", ["我靠什么吃饭你知道不", "我平时干哪一行"]), ("food", "我见了{v}就走不动路", ["什么东西是我的最爱，吃的方面", "我馋的是哪一口"]),
    ("food", "{v}我一口都咽不下去", ["哪样东西我从来不碰", "有什么菜我受不了"]), ("color", "我买什么都挑{v}的", ["我偏爱哪种颜色", "给我挑衣服该选什么色"]),
    ("hobby", "空下来我就去{v}", ["闲着的时候我一般干嘛", "我业余时间都玩些什么"]), ("food", "医生不让我碰{v}，会起疹子", ["哪种东西会让我过敏起疹子", "做饭给我吃要避开什么"]),
    ("name", "生我的人叫{v}", ["我妈姓名是什么来着", "我老妈叫啥"]), ("name", "我老爸大名{v}", ["我爹叫啥名字", "你说说我父亲的姓名"]),
    ("name", "我闺女取名叫{v}", ["我家闺女叫啥", "我的宝贝女儿名字是啥"]), ("name", "跟我最铁的哥们是{v}", ["谁跟我关系最铁", "我最铁的哥们是哪个"]),
    ("pet", "我家喵星人叫{v}", ["我家喵星人名字叫啥", "我养的猫咪怎么称呼"]), ("pet", "我家那条狗狗名叫{v}", ["我家狗狗叫啥名儿", "每天遛的那只狗叫什么来着"]),
    ("place", "钥匙让我搁{v}了", ["你瞧见我钥匙没", "我那串钥匙搁哪儿去了"]), ("place", "我刚把眼镜搁到{v}", ["帮我想想眼镜搁哪儿了", "我的眼镜跑到哪儿去了"]),
    ("event", "明儿个我得去{v}", ["明儿个我有啥要忙的", "我明天的日程是什么"]), ("number", "进门按{v}就行", ["进门要按什么数字", "大门的密码你还记得不"]),
    ("name", "带我们班的老师是{v}", ["我们班是谁在带", "我的班主任老师是哪一位"]), ("number", "打{v}就能找到我", ["别人打什么号码能找到我", "我的电话是哪个号"]),
    ("city", "我妹妹嫁到了{v}", ["我妹妹如今在哪座城", "妹妹她嫁到哪去了"]), ("job", "我哥哥在做{v}", ["哥哥他是干哪一行的", "我哥靠什么挣钱"]),
    ("food", "我奶奶最馋{v}", ["给奶奶带点什么吃的好", "奶奶馋哪样东西"]), ("place", "护照收在{v}了", ["出国要用的护照收哪了", "护照我收到什么地方了"]),
    ("place", "充电器好像丢在{v}", ["手机没电了，充电器丢在哪", "帮我找找充电器"]), ("city", "做梦都想到{v}玩一趟", ["我做梦都想到哪儿玩", "我最盼望去哪里旅游"]),
]
TRAINED_EN = [
    ("name", "everyone around here knows me as {v}", ["which name do i go by", "could you remind me how people address me", "any idea what they call me"]), ("name", "the person talking to you is {v}", ["who is talking to you right now", "whose voice is this"]),
    ("age", "i just celebrated birthday number {v}", ["how many years have i lived", "what number of candles goes on my cake"]), ("date", "i came into this world on {v}", ["on which date should you congratulate me", "what date were we supposed to celebrate my birth"]),
    ("city", "these days my place is in {v}", ["in what town is my place", "which town am i settled in"]), ("city", "i was raised in {v}", ["what town was i raised in", "what is my hometown"]),
    ("job", "i earn my money as a {v}", ["how do i earn my money", "what line of work am i in"]), ("food", "nothing beats {v} for me", ["what dish makes me happiest", "what could you serve me to make me smile"]),
    ("food", "{v} makes me gag", ["which food makes me gag", "what should never be on my plate"]), ("color", "everything i buy is {v}", ["in which color should my new scarf be", "what shade do i always go for"]),
    ("hobby", "on free days you will find me {v}", ["how do i spend my free days", "what keeps me busy on free days"]), ("food", "if i eat {v} my throat swells up", ["what makes my throat swell up", "which food is dangerous for me"]),
    ("name", "the woman who raised me is {v}", ["who is the woman who raised me", "how do people call my mom"]), ("name", "my old man goes by {v}", ["what does my old man go by", "how do people call my dad"]),
    ("name", "we named our little girl {v}", ["how did we name our little girl", "what's our girl called"]), ("name", "{v} and i are best buddies", ["who is my best buddy", "with whom am i closest"]),
    ("pet", "our kitty answers to {v}", ["what does our kitty answer to", "how do i call the kitty"]), ("pet", "the dog at our place listens to {v}", ["to which name does the dog listen", "how should i call the dog at our place"]),
    ("place", "i dropped the keys {v}", ["any clue where the keys ended up", "i need to get in, where could the keys be"]), ("place", "you can find my glasses {v}", ["i can't see a thing, where did the glasses go", "help me look for my glasses"]),
    ("event", "tomorrow is the day of {v}", ["what is tomorrow the day of", "anything on my calendar tomorrow"]), ("number", "to get in you have to type {v}", ["what do i type to get in", "which digits open the door"]),
    ("name", "the guy next door is {v}", ["who is the guy next door", "what do they call the guy next door"]), ("number", "to reach me dial {v}", ["what must one dial to reach me", "under which number can people reach me"]),
    ("city", "my sister settled down in {v}", ["where did my sister settle down", "in what town would i visit my sister"]), ("job", "my brother makes a living as a {v}", ["how does my brother make a living", "what does my brother earn money with"]),
    ("food", "grandmother can't get enough of {v}", ["what can't grandmother get enough of", "what treat would please my grandmother"]), ("place", "the passport is lying {v}", ["where's that passport lying", "i need to travel, where's the passport"]),
    ("place", "the charger got left {v}", ["where did the charger get left", "my phone is dying, where could the charger be"]), ("city", "i dream of a trip to {v}", ["where do i dream of going", "what's the destination of my dreams"]),
]

UNSEEN_ZH = [
    ("odd", "我的血型是{v}", ["我的血型是什么", "我是什么血型"]), ("number", "我穿{v}码的鞋", ["我穿多大的鞋", "我穿几码的鞋"]), ("odd", "我的星座是{v}", ["我的星座是什么", "我是什么星座"]), ("number", "我的车牌号是{v}", ["我的车牌号是多少", "我车牌是多少来着"]),
    ("odd", "我最喜欢的书是{v}", ["我最喜欢的书是哪本", "我最喜欢什么书"]), ("name", "我老板姓{v}", ["我老板姓什么", "我的老板贵姓"]), ("pet", "我的鹦鹉叫{v}", ["我的鹦鹉叫什么", "我那只鹦鹉的名字是什么"]), ("date", "我们的结婚纪念日是{v}", ["我们的结婚纪念日是哪天", "结婚纪念日是几号"]),
    ("place", "我的雨伞在{v}", ["我的雨伞在哪里", "雨伞放哪儿了"]), ("place", "药放在{v}", ["药放在哪里", "我的药在哪"]), ("name", "我最喜欢的歌手是{v}", ["我最喜欢的歌手是谁", "我喜欢哪个歌手"]), ("pet", "我的仓鼠叫{v}", ["我的仓鼠叫什么名字", "仓鼠叫什么"]),
    ("city", "我姑姑住在{v}", ["我姑姑住在哪里", "姑姑住哪个城市"]), ("job", "我爷爷以前是{v}", ["我爷爷以前是做什么的", "爷爷以前做什么工作"]), ("odd", "我最喜欢的花是{v}", ["我最喜欢的花是什么", "我喜欢什么花"]), ("time", "火车{v}开", ["火车几点开", "火车什么时候开"]),
    ("odd", "我的键盘是{v}牌的", ["我的键盘是什么牌的", "我用什么牌的键盘"]), ("name", "我的牙医是{v}", ["我的牙医是谁", "我的牙医叫什么"]), ("place", "备用轮胎在{v}", ["备用轮胎在哪里", "备用轮胎放哪了"]), ("name", "我干妈叫{v}", ["我干妈叫什么", "我干妈是谁"]),
]
UNSEEN_EN = [
    ("odd", "my blood type is {v}", ["what is my blood type", "which blood type do i have"]), ("number", "my shoe size is {v}", ["what is my shoe size", "which size are my shoes"]), ("odd", "my star sign is {v}", ["what is my star sign", "which star sign am i"]), ("number", "my license plate is {v}", ["what is my license plate", "do you have my license plate"]),
    ("odd", "my favorite book is {v}", ["what is my favorite book", "which book do i like best"]), ("name", "my boss is called {v}", ["what is my boss called", "who is my boss"]), ("pet", "my parrot is called {v}", ["what is my parrot called", "what name has my parrot"]), ("date", "our wedding anniversary is {v}", ["when is our wedding anniversary", "what date is our anniversary"]),
    ("place", "my umbrella is {v}", ["where is my umbrella", "where did i leave the umbrella"]), ("place", "the medicine is {v}", ["where is the medicine", "where do we keep the medicine"]), ("name", "my favorite singer is {v}", ["who is my favorite singer", "which singer do i like best"]), ("pet", "my hamster is called {v}", ["what is my hamster called", "what is the name of my hamster"]),
    ("city", "my aunt lives in {v}", ["where does my aunt live", "which city is my aunt in"]), ("job", "my grandfather was a {v}", ["what was my grandfather", "what was my grandfather's job"]), ("odd", "my favorite flower is {v}", ["what is my favorite flower", "which flower do i like"]), ("time", "the train leaves at {v}", ["when does the train leave", "what time is the train"]),
    ("odd", "my keyboard is made by {v}", ["who made my keyboard", "what brand is my keyboard"]), ("name", "my dentist is {v}", ["who is my dentist", "what is my dentist's name"]), ("place", "the spare tire is {v}", ["where is the spare tire", "where did we put the spare tire"]), ("name", "my godmother is {v}", ["who is my godmother", "what is my godmother's name"]),
]

TELL_ZH = [
    ("name", "以后喊我{v}就好"), ("name", "初次见面，我是{v}"), ("city", "上个月我刚在{v}安了家"), ("food", "这世上我最馋的就是{v}"), ("food", "千万别给我{v}，我会吐"), ("job", "我在当{v}，干了好多年"), ("hobby", "一有空我就想{v}"),
    ("pet", "新来的小猫取名{v}"), ("place", "我怕忘，钥匙搁{v}了"), ("number", "保险柜的号码换成{v}了"), ("name", "我老婆的名字是{v}"), ("color", "我衣柜里全是{v}的衣服"), ("event", "后天记得我有事，要{v}"), ("age", "再过一天我就{v}岁啦"), ("date", "你要记住{v}是我的生日"),
    ("city", "外婆一直住在{v}"), ("food", "我儿子天天吵着要吃{v}"), ("name", "楼下开店的是{v}"), ("animal", "我打算养一只{v}"), ("odd", "我刚换的公司叫{v}"),
]
TELL_EN = [
    ("name", "just call me {v} from now on"), ("name", "pleased to meet you, {v} here"), ("city", "last month i settled in {v}"), ("food", "there is nothing tastier than {v}"), ("food", "keep {v} away from me, i get sick"), ("job", "i have been a {v} for many years"), ("hobby", "whenever i have time i go {v}"),
    ("pet", "the new kitten got the name {v}"), ("place", "so i don't forget, the keys are {v}"), ("number", "the safe has a new number, {v}"), ("name", "the name of my wife is {v}"), ("color", "my closet is full of {v} clothes"), ("event", "the day after tomorrow there is {v}"), ("age", "in one day i'll be {v} years old"), ("date", "mark {v} as my birthday"),
    ("city", "grandma has always lived in {v}"), ("food", "my son asks for {v} every single day"), ("name", "the shop downstairs belongs to {v}"), ("animal", "i'm about to get a {v}"), ("odd", "my new company is called {v}"),
]

# (what is said, words of which a fitting reply has one, emotions that fit)
_HELLO_ZH, _HELLO_EN = ("你好", "嗨", "在", "见到", "回来", "早", "晚"), ("hello", "hi", "here", "good", "hear you", "day")
TOPIC_ZH = [
    ("哈喽哈喽", _HELLO_ZH), ("嘿，有人吗", _HELLO_ZH), ("早上好呀小伴", _HELLO_ZH), ("我又来找你啦", _HELLO_ZH), ("下午好，最近还顺利不", _HELLO_ZH), ("终于见到你了", _HELLO_ZH),
    ("太感谢你帮我了", ("不客气", "不用谢", "开心", "高兴")), ("真的谢谢你呀", ("不客气", "不用谢", "开心", "高兴")), ("谢啦", ("不客气", "不用谢", "开心", "高兴")),
    ("我先去睡啦", ("再见", "晚安", "拜拜", "休息", "等你")), ("先这样，回见", ("再见", "晚安", "拜拜", "休息", "等你", "小心")), ("我得出门去了，拜", ("再见", "晚安", "拜拜", "小心", "等你")),
    ("说个好笑的给我听", ("小明", "零", "腰带", "星星")), ("能不能逗我笑一下", ("小明", "零", "腰带", "星星", "嘿", "嘻")), ("外头天气如何", ("天气", "窗外", "外面")), ("明儿会不会下大雨", ("天气", "窗外", "外面")), ("北京今天冷不冷啊", ("天气", "窗外", "外面")),
    ("给我放点歌听听", ("音乐", "唱", "歌")), ("来段钢琴曲吧", ("音乐", "唱", "歌")), ("半小时后叫我一声", ("提醒", "闹钟")), ("七点一刻把我喊醒", ("提醒", "闹钟")), ("你的大名是什么呀", ("叫", "是")), ("我该怎么叫你呢", ("叫", "是")),
    ("你到底是人还是机器", ("程序", "机器", "伙伴", "我是", "我叫")), ("你有没有身体呀", ("程序", "机器", "伙伴", "我是", "我叫")), ("周末我准备去爬山", ("顺利", "不错", "小心", "好呀")), ("后天我要坐飞机去成都", ("顺利", "不错", "小心", "好呀", "记住")), ("地球为什么是圆的", ("不懂", "不知道", "教我", "不会")),
    ("谁是世界上最高的人", ("不懂", "不知道", "教我", "不会")), ("把客厅的灯打开好吗", ("帮忙", "动手", "不会", "家里", "不能")),
]
TOPIC_EN = [
    ("hiya", _HELLO_EN), ("hey, anybody home", _HELLO_EN), ("a very good morning to you", _HELLO_EN), ("it's me, i'm back again", _HELLO_EN), ("good evening, how are things going", _HELLO_EN), ("so nice to see you again", _HELLO_EN),
    ("thanks a million for helping", ("welcome", "glad", "help")), ("i really want to thank you", ("welcome", "glad", "help")), ("cheers, thank you dear", ("welcome", "glad", "help")),
    ("i'm off to sleep now", ("bye", "night", "wait", "care", "sleep")), ("that's all for today, bye now", ("bye", "night", "wait", "care")), ("gotta go, see you around", ("bye", "night", "wait", "care")),
    ("say something that makes me laugh", ("clock", "bull", "hehe")), ("do you have any jokes for me", ("clock", "bull", "hehe")), ("what's it like outside today", ("weather", "outside", "offline")), ("are we going to get rain tomorrow", ("weather", "outside", "offline")), ("how cold is it in boston", ("weather", "outside", "offline")),
    ("put on a nice song", ("music", "play", "sing")), ("i'd love to hear some piano", ("music", "play", "sing")), ("ping me in half an hour", ("reminder", "alarm")), ("get me up at a quarter past seven", ("reminder", "alarm")), ("may i know your name", ("name", "i am")), ("and you are called what", ("name", "i am")),
    ("are you a human being or a machine", ("program", "machine", "companion", "i am", "my name")), ("do you have a body at all", ("program", "machine", "companion", "i am", "my name")), ("this weekend we're off to the mountains", ("well", "good", "nice", "care")), ("i fly to denver the day after tomorrow", ("well", "good", "nice", "care", "remember")), ("why is the earth round", ("know", "teach", "not")),
    ("who is the tallest man on earth", ("know", "teach", "not")), ("could you get the lights in the hall", ("help", "not", "hands", "home")),
]
