"""More wordings of the fixed attributes of `facts.py`, and of families of `attributes.py`: key → (statements, questions)."""

ZH = {
    "name": (["我的名字呢是{v}", "请叫我{v}", "{v}就是我", "以后叫我{v}", "人家都喊我{v}", "我姓名是{v}", "我大名{v}", "我是你的朋友{v}"], ["我名字是啥", "还记得我是谁吗", "你应该叫我什么", "我名叫什么", "猜猜我叫什么", "我的姓名是什么", "我的名字你忘了吗", "怎样称呼我才对", "别人都喊我什么", "喊我的时候喊什么"]),
    "age": (["我的年龄是{v}", "我刚满{v}岁", "今年我{v}了", "我都{v}岁了", "我到了{v}岁"], ["我年龄多大", "我今年几岁", "我有多大年纪", "我多少岁", "我的年纪是多少", "我活了多少年了", "猜我几岁"]),
    "birthday": (["{v}是我的生日", "我生在{v}", "每年{v}我过生日", "我的出生日期是{v}"], ["我哪天过生日", "我哪天出生的", "我的出生日期是什么", "什么时候祝我生日快乐", "哪天是我的生日", "几号给我庆祝生日", "我生日在什么时候"]),
    "home": (["{v}是我住的地方", "我搬到{v}了", "我的家安在{v}", "我一直住{v}", "我的住处在{v}"], ["我现在住哪", "我家住在什么地方", "我在哪座城市生活", "我住的地方是哪", "我搬到哪里了", "去我家要去哪个城市", "我的住址是哪里"]),
    "origin": (["我生在{v}", "我家乡是{v}", "{v}是我的老家", "我从{v}来"], ["我的家乡在哪", "我出生在哪里", "我老家是哪儿的", "我是什么地方的人", "哪里是我的老家"]),
    "job": (["我做{v}这一行", "我干的是{v}", "我在当{v}", "我每天上班当{v}", "{v}是我的职业"], ["我上班做什么", "我干什么工作", "我从事什么职业", "我的本职工作是啥", "我是干什么的", "我每天上班干啥"]),
    "food": (["{v}是我最爱吃的", "我特别爱吃{v}", "要说吃的我最爱{v}", "我对{v}没有抵抗力", "我天天想吃{v}"], ["我最爱的食物是什么", "什么菜是我爱吃的", "我喜欢哪种吃的", "我想吃的是什么", "给我做什么我最高兴", "我的口味是什么"]),
    "dislike": (["{v}我不爱吃", "我受不了{v}", "我从来不吃{v}", "{v}太难吃了我不吃"], ["我不爱吃什么", "什么食物我不喜欢", "我受不了什么", "别给我吃什么", "什么菜我从不吃"]),
    "color": (["我爱{v}", "{v}是我喜欢的颜色", "颜色里我喜欢{v}", "我的衣服都要{v}"], ["我爱什么颜色", "哪种颜色是我喜欢的", "我中意的颜色是什么", "什么颜色我最爱"]),
    "music": (["我常听{v}", "{v}是我爱听的", "我总放{v}"], ["我常听什么", "什么音乐是我爱听的", "我平时听什么音乐", "该给我放什么音乐"]),
    "hobby": (["我有空就{v}", "我的乐趣是{v}", "我平时爱{v}", "{v}是我的爱好", "周末我总是{v}"], ["我有空做什么", "我平时爱做什么", "我的乐趣是什么", "我周末喜欢干啥", "我爱玩什么", "什么是我的爱好"]),
    "allergy": (["我吃{v}会过敏", "{v}会让我过敏", "我不能吃{v}会过敏"], ["我吃什么会过敏", "什么会让我过敏", "我的过敏原是什么", "我不能碰什么"]),
    "mother": (["妈妈的名字叫{v}", "我母亲叫{v}", "我妈叫{v}", "{v}是我妈妈"], ["我母亲叫什么", "我妈叫什么", "我妈名字是什么", "谁是我妈妈"]),
    "father": (["我父亲叫{v}", "我爸叫{v}", "{v}是我爸爸"], ["我父亲叫什么", "我爸叫什么", "我爸名字是什么", "谁是我爸爸"]),
    "daughter": (["我家女儿是{v}", "女儿名叫{v}"], ["我家女儿名字是啥", "女儿叫什么", "我的女儿是谁"]),
    "friend": (["我的死党是{v}", "我跟{v}最要好", "{v}是我最好的朋友"], ["我跟谁最要好", "我死党是谁", "谁是我最好的朋友", "我的好友是哪位"]),
    "cat": (["我有只猫名叫{v}", "猫咪的名字是{v}"], ["我家猫咪叫啥", "猫咪叫什么名字", "我养的猫叫什么"]),
    "dog": (["我有条狗名叫{v}", "小狗的名字是{v}"], ["我家狗叫啥", "小狗叫什么名字", "我养的狗叫什么"]),
    "keys": (["钥匙我放{v}", "钥匙被我放在{v}"], ["钥匙放哪里了", "钥匙去哪了", "到哪里找我的钥匙", "没钥匙进不了门，钥匙呢"]),
    "glasses": (["眼镜我放{v}", "眼镜被我放在{v}"], ["眼镜放哪里了", "眼镜去哪了", "到哪里找我的眼镜", "我看不清，眼镜呢"]),
    "tomorrow": (["明天有{v}的事", "明天安排了{v}"], ["明天我有什么计划", "我明天忙什么", "明天安排了什么", "明天要干嘛"]),
    "code": (["门锁密码是{v}", "开门的密码是{v}"], ["开门用什么密码", "门锁的密码是几", "怎么开门，密码呢"]),
}

EN = {
    "name": (["i go under the name {v}", "{v} is my name", "this is {v} speaking", "people call me {v}", "they call me {v}", "you may call me {v}", "i was given the name {v}", "it's {v} by the way"], ["what name do i have", "how should you call me", "what do people call me", "can you say who i am", "by what name do you know me", "have you forgotten my name", "who is speaking to you", "which name is mine", "guess my name", "how am i called"]),
    "age": (["i turned {v}", "my age is {v}", "i've turned {v} years old", "this year i am {v}"], ["how many years old am i", "which age am i", "what age did i turn", "can you guess how old i am", "how old did i say i was", "what is my age now", "at what age am i"]),
    "birthday": (["{v} is my birthday", "i have my birthday on {v}", "we celebrate my birthday on {v}", "my date of birth is {v}"], ["which day is my birthday", "when do we celebrate my birthday", "what is my date of birth", "when is my special day", "what day was i born on", "when do i get presents for my birthday", "when should you wish me happy birthday"]),
    "home": (["i moved to {v}", "my house is in {v}", "home for me is {v}", "i stay in {v}", "my flat is in {v}", "i am based in {v}"], ["what city do i live in", "in which place do i live", "where is my house", "where did i move to", "what is my home city", "where am i based", "in which city is my flat", "where would you send me a letter"]),
    "origin": (["my family is from {v}", "i was born in {v}", "{v} is where i come from"], ["which place do i come from", "what is my home town", "where was i born", "what city am i from", "where is my family from"]),
    "job": (["for work i am a {v}", "i am working as a {v}", "my profession is {v}", "every day i work as a {v}", "i got hired as a {v}"], ["what is my profession", "what work do i do", "what do i work as", "how do i make money", "which job do i have", "what do i do every day at work", "what am i by profession"]),
    "food": (["{v} is the best food", "i could eat {v} every day", "my dish is {v}", "i am crazy about {v}", "the food i love is {v}"], ["which food do i love", "what could i eat every day", "what meal do i love most", "what should we cook for me", "which dish is my favorite", "what am i crazy about", "what food makes me happy"]),
    "dislike": (["{v} is disgusting to me", "i won't eat {v}", "i can't stand {v}", "i refuse to eat {v}"], ["which food do i hate", "what won't i eat", "what can't i stand", "what is disgusting to me", "what do i refuse to eat"]),
    "color": (["{v} is my color", "i love the color {v}", "the nicest color is {v}"], ["which color do i love", "what is the nicest color for me", "which is my color", "what color suits me best"]),
    "music": (["i listen to {v} a lot", "i enjoy {v} in my ears", "{v} is my kind of music"], ["what is my kind of music", "which music do i listen to", "what do i listen to a lot", "what should you play for me"]),
    "hobby": (["in my free time i like {v}", "i spend my time {v}", "{v} is my hobby", "i am fond of {v}", "for fun i go {v}"], ["what do i do in my free time", "what do i do for fun", "how do i spend my time", "which hobby do i have", "what am i fond of", "what do i do on weekends"]),
    "allergy": (["{v} gives me an allergy", "i get a rash from {v}", "i have an allergy to {v}"], ["which food gives me an allergy", "what gives me a rash", "which allergy do i have", "what should i not eat"]),
    "mother": (["my mom is called {v}", "my mom's name is {v}", "{v} is my mother", "my mother is {v}"], ["who is my mother", "what is my mom called", "do you know my mother's name", "what's my mom's name", "my mother is called what"]),
    "father": (["my dad is called {v}", "my dad's name is {v}", "{v} is my father", "my father is {v}"], ["who is my father", "what is my dad called", "do you know my father's name", "what's my dad's name", "my father is called what"]),
    "daughter": (["our daughter is {v}", "{v} is my daughter"], ["who is my daughter", "how is my daughter called", "what name does my daughter have"]),
    "friend": (["{v} is my best friend", "my closest friend is {v}", "i am best friends with {v}"], ["who is my closest friend", "which friend do i like most", "who am i best friends with", "what is my friend called"]),
    "cat": (["the cat is called {v}", "we call our cat {v}", "{v} is my cat"], ["how do we call our cat", "what name does my cat have", "who is my cat", "our cat has which name"]),
    "dog": (["the dog is called {v}", "we call our dog {v}", "{v} is my dog"], ["how do we call our dog", "what name does my dog have", "who is my dog", "our dog has which name"]),
    "keys": (["the keys are {v}", "my keys lie {v}", "i forgot my keys {v}"], ["where do my keys lie", "where can i find my keys", "i am looking for my keys", "where have the keys gone", "help me find the keys"]),
    "glasses": (["the glasses are {v}", "my glasses lie {v}", "i forgot my glasses {v}"], ["where do my glasses lie", "where can i find my glasses", "i am looking for my glasses", "where have the glasses gone", "help me find the glasses"]),
    "tomorrow": (["there is {v} tomorrow", "my plan for tomorrow is {v}"], ["what is my plan for tomorrow", "what will i do tomorrow", "what is on tomorrow", "what happens tomorrow", "is there something tomorrow"]),
    "code": (["you open the door with {v}", "the door code is {v}"], ["what is the door code", "how do i open the door", "which code opens the door", "which number is the code"]),
}

# Words around the nouns of `attributes.noun_*` and `place`: {n} the thing, {v} the value.
ASK_PLACE_ZH = ["到哪儿去找{n}", "{n}在什么地方", "你知道{n}在哪吗", "我记不得{n}放哪里了", "{n}怎么不见了", "帮我找{n}", "{n}放在哪个地方", "我需要{n}，在哪里"]
ASK_PLACE_EN = ["where can i find my {n}", "where are we keeping the {n}", "help me find my {n}", "i need my {n}", "i am looking for my {n}", "in what place is my {n}", "any idea where my {n} went", "where has my {n} gone", "where should i look for the {n}"]
SAY_PLACE_ZH = ["{n}被我放在{v}", "你去{v}找{n}", "{n}一直在{v}", "我的{n}落在{v}了"]
SAY_PLACE_EN = ["i keep my {n} {v}", "look for the {n} {v}", "i forgot my {n} {v}", "the {n} stays {v}", "we store the {n} {v}"]
ASK_NOUN_ZH = ["说说我的{n}", "我的{n}你知道吧", "哪个是我的{n}", "关于我的{n}你知道什么", "我{n}来着", "查一下我的{n}", "把我的{n}报一遍"]
ASK_NOUN_EN = ["give me my {n}", "which {n} do i have", "what {n} do i have", "i need my {n}", "read me my {n}", "remind me of my {n}", "what did i say my {n} was", "what was that {n} of mine", "look up my {n}", "what do you know about my {n}"]
SAY_NOUN_ZH = ["我的{n}换成{v}了", "{n}用的是{v}", "我这边{n}是{v}", "现在我的{n}是{v}"]
SAY_NOUN_EN = ["my {n} changed to {v}", "for my {n} i have {v}", "the {n} i have is {v}", "my new {n} is {v}", "as my {n} take {v}"]
