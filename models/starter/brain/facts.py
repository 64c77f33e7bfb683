"""What a person tells about themselves: statements, questions, answers, in both languages.

Each attribute: `kind` of value (a slot of `grammar.lexicon.value`), `say` (statements; `{v}` the value),
`ask` (questions), `answer`, and `ack` (what is said when it is told).
"""

import facts_more

ZH = {
    "name": dict(kind="name", say=["我叫{v}", "我的名字是{v}", "我是{v}", "叫我{v}", "你可以叫我{v}", "大家叫我{v}", "我的名字叫{v}"], ask=["我叫什么名字", "我叫什么", "我的名字是什么", "你知道我叫什么吗", "你记得我的名字吗", "我是谁", "你还记得我叫什么吗", "说出我的名字", "你知道我是谁吗"], answer=["你叫{v}。", "你的名字是{v}。"], ack=["很高兴认识你，{v}！", "你好，{v}！", "我记住了，你叫{v}。"]),
    "age": dict(kind="age", say=["我今年{v}岁", "我{v}岁了", "我已经{v}岁了"], ask=["我几岁了", "我多大了", "我今年多大", "你知道我几岁吗", "我的年龄是多少"], answer=["你{v}岁。", "你今年{v}岁。"], ack=["我记住了，你{v}岁。"]),
    "birthday": dict(kind="date", say=["我的生日是{v}", "我{v}过生日", "我是{v}出生的"], ask=["我的生日是哪天", "我的生日是什么时候", "我什么时候过生日", "你记得我的生日吗", "我生日是几号"], answer=["你的生日是{v}。"], ack=["我记住了，你的生日是{v}。"]),
    "home": dict(kind="city", say=["我住在{v}", "我家在{v}", "我现在住在{v}", "我在{v}生活"], ask=["我住在哪里", "我家在哪里", "我住哪儿", "你知道我住在哪吗", "我住在哪个城市"], answer=["你住在{v}。"], ack=["我记住了，你住在{v}。"]),
    "origin": dict(kind="city", say=["我来自{v}", "我是{v}人", "我老家在{v}"], ask=["我是哪里人", "我来自哪里", "我老家在哪", "我从哪里来"], answer=["你来自{v}。"], ack=["我记住了，你来自{v}。"]),
    "job": dict(kind="job", say=["我是一名{v}", "我是{v}", "我的工作是{v}", "我的职业是{v}"], ask=["我是做什么工作的", "我的工作是什么", "我的职业是什么", "你知道我是做什么的吗"], answer=["你是{v}。", "你的工作是{v}。"], ack=["我记住了，你是{v}。"]),
    "food": dict(kind="food", say=["我喜欢吃{v}", "我最喜欢吃{v}", "我爱吃{v}", "我最爱吃{v}"], ask=["我喜欢吃什么", "我爱吃什么", "我最喜欢吃什么", "你知道我喜欢吃什么吗", "我最爱吃什么"], answer=["你喜欢吃{v}。"], ack=["我记住了，你喜欢吃{v}。"]),
    "dislike": dict(kind="food", say=["我不喜欢吃{v}", "我讨厌吃{v}", "我不吃{v}"], ask=["我不喜欢吃什么", "我讨厌吃什么", "我不吃什么"], answer=["你不喜欢吃{v}。"], ack=["我记住了，你不喜欢吃{v}。"]),
    "color": dict(kind="color", say=["我最喜欢的颜色是{v}", "我喜欢{v}", "我最喜欢{v}"], ask=["我最喜欢什么颜色", "我喜欢什么颜色", "我最喜欢的颜色是什么"], answer=["你喜欢{v}。", "你最喜欢的颜色是{v}。"], ack=["我记住了，你喜欢{v}。"]),
    "music": dict(kind="music", say=["我喜欢听{v}", "我爱听{v}", "我最喜欢听{v}"], ask=["我喜欢听什么", "我喜欢听什么音乐", "我爱听什么"], answer=["你喜欢听{v}。"], ack=["我记住了，你喜欢听{v}。"]),
    "hobby": dict(kind="hobby", say=["我的爱好是{v}", "我喜欢{v}", "我爱{v}"], ask=["我的爱好是什么", "我喜欢做什么", "我有什么爱好"], answer=["你的爱好是{v}。", "你喜欢{v}。"], ack=["我记住了，你喜欢{v}。"]),
    "allergy": dict(kind="food", say=["我对{v}过敏"], ask=["我对什么过敏", "你记得我对什么过敏吗"], answer=["你对{v}过敏。"], ack=["我记住了，你对{v}过敏。"]),
    "mother": dict(kind="name", say=["我妈妈叫{v}", "我妈妈的名字是{v}"], ask=["我妈妈叫什么", "我妈妈叫什么名字", "我妈妈的名字是什么"], answer=["你妈妈叫{v}。"], ack=["我记住了，你妈妈叫{v}。"]),
    "father": dict(kind="name", say=["我爸爸叫{v}", "我爸爸的名字是{v}"], ask=["我爸爸叫什么", "我爸爸叫什么名字"], answer=["你爸爸叫{v}。"], ack=["我记住了，你爸爸叫{v}。"]),
    "daughter": dict(kind="name", say=["我女儿叫{v}", "我女儿的名字是{v}"], ask=["我女儿叫什么", "我女儿叫什么名字"], answer=["你女儿叫{v}。"], ack=["我记住了，你女儿叫{v}。"]),
    "friend": dict(kind="name", say=["我最好的朋友叫{v}", "我的好朋友是{v}"], ask=["我最好的朋友是谁", "我的好朋友叫什么"], answer=["你最好的朋友叫{v}。"], ack=["我记住了，你的朋友叫{v}。"]),
    "cat": dict(kind="pet", say=["我的猫叫{v}", "我养了一只猫叫{v}", "我家的猫叫{v}"], ask=["我的猫叫什么", "我的猫叫什么名字", "我家的猫叫什么"], answer=["你的猫叫{v}。"], ack=["我记住了，你的猫叫{v}。"]),
    "dog": dict(kind="pet", say=["我的狗叫{v}", "我养了一条狗叫{v}", "我家的狗叫{v}"], ask=["我的狗叫什么", "我的狗叫什么名字", "我家的狗叫什么"], answer=["你的狗叫{v}。"], ack=["我记住了，你的狗叫{v}。"]),
    "keys": dict(kind="place", say=["我的钥匙在{v}", "我把钥匙放在{v}", "钥匙在{v}"], ask=["我的钥匙在哪里", "钥匙在哪", "我把钥匙放哪了"], answer=["你的钥匙在{v}。"], ack=["我记住了，钥匙在{v}。"]),
    "glasses": dict(kind="place", say=["我的眼镜在{v}", "我把眼镜放在{v}"], ask=["我的眼镜在哪里", "眼镜在哪", "我把眼镜放哪了"], answer=["你的眼镜在{v}。"], ack=["我记住了，眼镜在{v}。"]),
    "tomorrow": dict(kind="event", say=["我明天要{v}", "明天我要{v}", "我明天{v}"], ask=["我明天要做什么", "我明天有什么事", "明天我有什么安排"], answer=["你明天要{v}。"], ack=["我记住了，你明天要{v}。"]),
    "code": dict(kind="number", say=["门的密码是{v}", "密码是{v}"], ask=["门的密码是什么", "密码是多少"], answer=["密码是{v}。"], ack=["我记住了，密码是{v}。"]),
}

EN = {
    "name": dict(kind="name", say=["my name is {v}", "i am {v}", "i'm {v}", "call me {v}", "you can call me {v}", "the name is {v}"], ask=["what is my name", "what's my name", "do you know my name", "do you remember my name", "who am i", "what am i called", "tell me my name", "do you know who i am"], answer=["Your name is {v}.", "You are {v}."], ack=["Nice to meet you, {v}!", "Hello, {v}!", "I will remember that your name is {v}."]),
    "age": dict(kind="age", say=["i am {v} years old", "i'm {v} years old"], ask=["how old am i", "what is my age", "do you know how old i am"], answer=["You are {v} years old."], ack=["I will remember that you are {v} years old."]),
    "birthday": dict(kind="date", say=["my birthday is {v}", "my birthday is on {v}", "i was born on {v}"], ask=["when is my birthday", "what day is my birthday", "when was i born", "do you remember my birthday"], answer=["Your birthday is {v}."], ack=["I will remember that your birthday is {v}."]),
    "home": dict(kind="city", say=["i live in {v}", "my home is in {v}", "i'm living in {v}"], ask=["where do i live", "where is my home", "which city do i live in", "do you know where i live"], answer=["You live in {v}."], ack=["I will remember that you live in {v}."]),
    "origin": dict(kind="city", say=["i come from {v}", "i am from {v}", "i'm from {v}"], ask=["where am i from", "where do i come from"], answer=["You come from {v}."], ack=["I will remember that you come from {v}."]),
    "job": dict(kind="job", say=["i am a {v}", "i work as a {v}", "my job is {v}", "i'm a {v}"], ask=["what is my job", "what do i do for a living", "what's my job", "what do i do for work"], answer=["You are a {v}.", "You work as a {v}."], ack=["I will remember that you are a {v}."]),
    "food": dict(kind="food", say=["i like to eat {v}", "i like eating {v}", "my favorite food is {v}", "i love eating {v}"], ask=["what do i like to eat", "what is my favorite food", "what food do i like", "what's my favorite food"], answer=["You like to eat {v}."], ack=["I will remember that you like {v}."]),
    "dislike": dict(kind="food", say=["i don't like {v}", "i hate {v}", "i never eat {v}"], ask=["what don't i like", "what do i hate", "what food don't i like"], answer=["You don't like {v}."], ack=["I will remember that you don't like {v}."]),
    "color": dict(kind="color", say=["my favorite color is {v}", "i like the color {v}"], ask=["what is my favorite color", "what's my favorite color", "what color do i like"], answer=["Your favorite color is {v}."], ack=["I will remember that your favorite color is {v}."]),
    "music": dict(kind="music", say=["i like to listen to {v}", "i love listening to {v}", "my favorite music is {v}"], ask=["what music do i like", "what do i like to listen to", "what is my favorite music"], answer=["You like to listen to {v}."], ack=["I will remember that you like {v}."]),
    "hobby": dict(kind="hobby", say=["my hobby is {v}", "i enjoy {v}", "i love {v}"], ask=["what is my hobby", "what do i like to do", "what do i enjoy"], answer=["Your hobby is {v}.", "You enjoy {v}."], ack=["I will remember that you enjoy {v}."]),
    "allergy": dict(kind="food", say=["i am allergic to {v}", "i'm allergic to {v}"], ask=["what am i allergic to", "do you remember what i am allergic to"], answer=["You are allergic to {v}."], ack=["I will remember that you are allergic to {v}."]),
    "mother": dict(kind="name", say=["my mother's name is {v}", "my mother is called {v}"], ask=["what is my mother's name", "what is my mother called"], answer=["Your mother's name is {v}."], ack=["I will remember that your mother's name is {v}."]),
    "father": dict(kind="name", say=["my father's name is {v}", "my father is called {v}"], ask=["what is my father's name", "what is my father called"], answer=["Your father's name is {v}."], ack=["I will remember that your father's name is {v}."]),
    "daughter": dict(kind="name", say=["my daughter's name is {v}", "my daughter is called {v}"], ask=["what is my daughter's name", "what is my daughter called"], answer=["Your daughter's name is {v}."], ack=["I will remember that your daughter's name is {v}."]),
    "friend": dict(kind="name", say=["my best friend is {v}", "my best friend is called {v}"], ask=["who is my best friend", "what is my best friend's name"], answer=["Your best friend is {v}."], ack=["I will remember that your best friend is {v}."]),
    "cat": dict(kind="pet", say=["my cat is called {v}", "i have a cat named {v}", "my cat's name is {v}"], ask=["what is my cat called", "what is my cat's name", "what is the name of my cat"], answer=["Your cat is called {v}."], ack=["I will remember that your cat is called {v}."]),
    "dog": dict(kind="pet", say=["my dog is called {v}", "i have a dog named {v}", "my dog's name is {v}"], ask=["what is my dog called", "what is my dog's name", "what is the name of my dog"], answer=["Your dog is called {v}."], ack=["I will remember that your dog is called {v}."]),
    "keys": dict(kind="place", say=["my keys are {v}", "i put my keys {v}", "i left my keys {v}"], ask=["where are my keys", "where did i put my keys", "where did i leave my keys"], answer=["Your keys are {v}."], ack=["I will remember that your keys are {v}."]),
    "glasses": dict(kind="place", say=["my glasses are {v}", "i put my glasses {v}"], ask=["where are my glasses", "where did i put my glasses"], answer=["Your glasses are {v}."], ack=["I will remember that your glasses are {v}."]),
    "tomorrow": dict(kind="event", say=["i have {v} tomorrow", "tomorrow i have {v}"], ask=["what do i have tomorrow", "what are my plans for tomorrow"], answer=["You have {v} tomorrow."], ack=["I will remember that you have {v} tomorrow."]),
    "code": dict(kind="number", say=["the code of the door is {v}", "the code is {v}"], ask=["what is the code of the door", "what is the code"], answer=["The code is {v}."], ack=["I will remember that the code is {v}."]),
}

for _table, _more in ((ZH, facts_more.ZH), (EN, facts_more.EN)):
    for _key, (_says, _asks) in _more.items():
        _table[_key]["say"] += _says
        _table[_key]["ask"] += _asks

UNKNOWN = {
    "zh": ["我还不知道，你可以告诉我。", "你还没告诉我。", "这个我不知道，你没有说过。"],
    "en": ["I don't know that yet. You can tell me.", "You have not told me yet.", "I don't know, you never told me."],
}
