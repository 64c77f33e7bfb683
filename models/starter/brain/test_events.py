"""Emotional events for tests only, written apart from the training grammars: emotion → what is said.

Where two feelings fit the same words, `also` of `heldout.py` lets the second one count as well.
"""

ZH = {
    "happy": [
        "我拿到心仪大学的录取通知书了", "我家宝贝今天会喊爷爷了", "年终奖比去年多了一倍", "体检报告出来全都正常", "暗恋的人今天约我吃饭", "我写的文章登上报纸了", "老婆给我生了个大胖小子", "我们队时隔十年又捧杯啦", "失散多年的哥哥找到了", "我种的西红柿结果啦",
        "驾驶证一次就过", "女儿画的画得了一等奖", "老朋友大老远跑来看我", "领导批了我两周的假", "我的小店今天开张大吉", "刚和好朋友看了一场超棒的演出", "我瘦了整整十五斤", "今天的夕阳美得让人想唱歌", "妈妈的手术特别顺利", "我买的新房终于交钥匙了", "孩子们围着我唱生日歌", "陌生人夸我的裙子好看",
    ],
    "sad": [
        "养了十二年的老狗昨晚走了", "外婆在睡梦中离开了我们", "谈了五年的恋爱就这样完了", "公司裁员名单里有我的名字", "孩子高烧三天还没退", "今年又只有我一个人吃年夜饭", "毕业那天大家抱头痛哭", "我把爷爷留下的手表弄丢了", "最要好的同学转学去了外地", "高考成绩比我想的差太多",
        "爸妈要分开了", "我的小说被退稿了十次", "体检查出了不好的东西", "生日那天没有一个人发来祝福", "老家的房子要被拆掉了", "我拖了全队的后腿", "手机里的照片全没了，再也找不回来", "我已经一个月没见到女儿了", "夜里醒来枕头都湿了", "好想回到妈妈还在的时候", "我觉得自己像个累赘", "金鱼翻着肚皮漂在水面上",
    ],
    "angry": [
        "快递员把我的包裹直接扔在雨里", "他当着所有人的面骂我蠢", "商家卖给我一台坏的电视还不认账", "有人在我车上划了长长一道", "同事把我的方案说成是他的", "室友又没经过我同意穿我的衣服", "隔壁的狗凌晨三点叫个没完", "中介卷走了我的押金", "他开车加塞还冲我竖中指", "服务员把汤泼我身上连句抱歉都没有",
        "弟弟把我的作业本撕了", "他明明答应还钱却拉黑了我", "楼上往下扔烟头烧坏了我的被子", "老板把我的奖金给了他侄子", "排了两小时队结果被人插了队", "他居然偷看我的聊天记录", "前任到处造我的谣", "这家医院让我白跑三趟", "邻居天天把垃圾堆在我家门口", "他踢了我的小猫",
    ],
    "surprised": [
        "推开门所有朋友都跳出来喊生日快乐", "我在旧书里翻出一张百元大钞", "窗外居然飘着一个热气球", "小学同学竟然成了电影明星", "我的猫学会自己按电梯", "十年没联系的人忽然给我打电话", "半夜钢琴自己响了起来", "彩票号码跟我的生日一模一样", "那个流浪汉原来是亿万富翁", "我家花盆里长出了一颗人参",
        "老爷爷一口气做了一百个俯卧撑", "六月天下起了鹅毛大雪", "鸡蛋里有三个蛋黄", "路边走过来一匹斑马", "我的双胞胎妹妹突然站在面前", "刚买的鱼肚子里有一枚戒指",
    ],
    "coquettish": [
        "让我捏捏你的小脸蛋", "我一天听不到你的声音就难受", "你就是我的小心肝", "今晚的月色真美，像你一样", "抱紧我别松手", "你是不是偷偷喜欢我呀", "给人家亲一口嘛", "我的心都被你偷走了", "天底下数你最惹人疼", "情人节想跟你一起过", "叫我一声亲爱的", "你撒起娇来真要命",
        "我想一辈子都跟你在一起", "你这么乖奖励一个亲亲", "你的声音甜到我心里去了",
    ],
}
EN = {
    "happy": [
        "my dream university sent me an acceptance letter", "our little one said grandpa for the first time", "my yearly bonus doubled", "all my test results came back healthy", "the girl i like asked me out for dinner", "the newspaper printed my article", "my wife gave birth to a healthy boy", "after ten years our club lifted the cup again", "we found my long lost brother", "the tomatoes i planted are ripe at last",
        "i passed my driving exam on the first try", "my daughter's drawing took first prize", "an old pal traveled far just to see me", "my manager approved two weeks of leave", "my small shop opened today and sold out", "i just came from an awesome show with friends", "i dropped thirty pounds", "the sunset today made me want to sing", "mom's operation went smoothly", "we finally got the keys to our new flat", "the kids sang happy birthday around me", "a stranger complimented my dress",
    ],
    "sad": [
        "our dog of twelve years died in my arms", "granny passed in her sleep", "five years together and now it's over", "my name was on the layoff list", "my child has had a high fever for three days", "once more i sat at the holiday table by myself", "we all wept on the last day of school", "i can't find the watch my late grandpa left me", "my closest classmate moved to another country", "my final grades are far below what i hoped",
        "my parents are separating", "ten publishers turned down my novel", "they found something bad in my scan", "not one person wished me a happy birthday", "the house i grew up in will be torn down", "i let the whole team down", "every picture on my phone is gone forever", "i haven't been allowed to see my daughter for a month", "i woke up with a wet pillow", "i wish mom were still alive", "i feel like a burden to everybody", "my goldfish is floating upside down",
    ],
    "angry": [
        "the courier left my parcel out in the rain", "he called me stupid in front of everybody", "they sold me a dead tv and deny it", "some jerk left a long scratch on my car", "a coworker presented my plan as his own", "my roommate wears my clothes without asking", "the dog next door barks at three in the morning", "the agent ran off with my deposit", "he cut me off in traffic and gave me the finger", "the waiter spilled soup on me and didn't even apologize",
        "my brother tore up my homework", "he promised to pay me back and then blocked me", "they throw cigarettes on my balcony", "the boss gave my bonus to his nephew", "after two hours in line somebody pushed in front", "he secretly read my messages", "my ex spreads rumors about me", "that clinic made me come three times for nothing", "the neighbors dump their garbage at my door", "he kicked my kitten",
    ],
    "surprised": [
        "i opened the door and all my friends jumped out", "a hundred dollar bill fell out of an old book", "there's a hot air balloon right outside my window", "a kid from my class became a movie star", "my cat learned to use the elevator", "someone i haven't heard from in ten years just called", "the piano began to play by itself at night", "the winning numbers are exactly my birthday", "that homeless man turned out to be a billionaire", "a pineapple is growing in my flower pot",
        "an old man did a hundred pushups in a row", "it snowed in the middle of july", "the egg had three yolks", "a zebra is walking down our road", "my long lost twin stood in front of me", "the fish i bought had a ring in its belly",
    ],
    "coquettish": [
        "let me pinch your cheeks", "a day without your voice is torture", "you're the apple of my eye", "the moon is beautiful tonight, just like you", "hold me and don't let go", "admit it, you have a crush on me", "give me a little peck", "you stole my heart", "nobody is as lovable as you", "let's spend valentine's day together", "call me darling", "you're so flirty today",
        "i want to be with you all my life", "you deserve a kiss for that", "your voice is sweet as honey",
    ],
}
