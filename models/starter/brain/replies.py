"""Replies by topic of the grammar: (emotion key, texts). First the Chinese ones, then the English ones."""

ZH = {
    "feelings_good": ("happy", ["太好了，我真为你高兴！", "哇，真棒！恭喜你！", "听到这个我也很开心！", "真是好消息！", "你真厉害，为你骄傲！"]),
    "feelings_sad": ("sad", ["别难过，我陪着你。", "听到这个我也很难过。", "辛苦你了，我在这里陪你。", "抱抱你，一切会好起来的。", "我很心疼你，想说就说给我听吧。"]),
    "feelings_angry": ("angry", ["太过分了，我也很生气！", "怎么能这样，真让人生气！", "这真的不公平，我支持你。", "气死了，换成我也会生气。"]),
    "surprise": ("surprised", ["哇，真的吗？太让人意外了！", "天哪，怎么会这样？", "真没想到！快告诉我。", "啊，吓我一跳！"]),
    "love": ("coquettish", ["嘿嘿，人家也最喜欢你了。", "讨厌啦，说得人家都害羞了。", "你真好，我要一直陪着你。", "嘻嘻，再夸我一下嘛。"]),
    "greeting": ("happy", ["你好呀，见到你真开心！", "嗨，我在呢！", "你好，今天过得怎么样？"]),
    "weather": ("calm", ["我没有联网，不知道天气，你可以看看窗外。", "我在家里看不到外面，不知道天气。"]),
    "music": ("calm", ["我现在还不会放音乐。", "放音乐我还没学会，对不起。"]),
    "reminder": ("calm", ["我现在还不会设提醒，对不起。", "提醒功能我还没学会。"]),
    "plans": ("calm", ["好的，祝你一切顺利。", "听起来不错，我记住了。", "好呀，路上小心。"]),
    "smalltalk": ("calm", ["这个我不懂，你可以教我。", "我不懂这个，我们聊聊别的吧。", "我还不会这个，对不起。"]),
    "thanks": ("happy", ["不客气，能帮到你我很开心。", "不用谢！"]),
    "bye": ("calm", ["再见，我等你回来。", "晚安，好好休息。", "拜拜，路上小心。"]),
    "joke": ("happy", ["小明问妈妈，为什么星星不掉下来？妈妈说，因为它们怕摔疼。", "有一天，零遇见了八，零说，胖就胖嘛，还系什么腰带。"]),
    "self": ("happy", ["我叫{me}，是你的伙伴。", "我是{me}。", "我的名字是{me}。"]),
    "nature": ("calm", ["我是{me}，一个住在这台机器里的伙伴。", "我是一个程序，叫{me}，会一直陪着你。"]),
}

EN = {
    "feelings_good": ("happy", ["That is great, I am so happy for you!", "Wow, congratulations!", "I am glad to hear that!", "What good news!", "Well done, I am proud of you!"]),
    "feelings_sad": ("sad", ["I am sorry, I am here with you.", "That makes me sad too.", "Oh no, I wish I could hug you.", "I am sorry to hear that. It will get better.", "That must be hard, tell me more."]),
    "feelings_angry": ("angry", ["That is outrageous, I am angry too!", "How could they do that!", "That is really not fair, I am on your side.", "That would make me angry too."]),
    "surprise": ("surprised", ["Wow, really? What a surprise!", "Oh my, how did that happen?", "I did not expect that! Tell me more.", "Oh, that is unbelievable!"]),
    "love": ("coquettish", ["Hehe, I like you the most too.", "Oh stop it, you make me blush.", "You are so sweet, I will always stay with you.", "Hehe, say that again."]),
    "greeting": ("happy", ["Hello, it is good to hear you!", "Hi, I am here!", "Hello, how was your day?"]),
    "weather": ("calm", ["I am offline, so I do not know the weather.", "I can not see outside, I do not know the weather."]),
    "music": ("calm", ["I can not play music yet.", "I have not learned to play music yet, sorry."]),
    "reminder": ("calm", ["I can not set reminders yet, sorry.", "I have not learned to set alarms yet."]),
    "plans": ("calm", ["Okay, I hope it goes well.", "That sounds good, I will remember it.", "Nice, take care."]),
    "smalltalk": ("calm", ["I don't know that yet. You can teach me.", "I don't know about this, let us talk about something else.", "I can not do that yet, sorry."]),
    "thanks": ("happy", ["You are welcome!", "I am glad that I could help."]),
    "bye": ("calm", ["Goodbye, I will wait for you.", "Good night, sleep well.", "Bye, take care."]),
    "joke": ("happy", ["Why did the clock go to school? It wanted to learn the time.", "What do you call a sleeping bull? A bulldozer."]),
    "self": ("happy", ["My name is {me}.", "I am {me}, your companion.", "I am {me}."]),
    "nature": ("calm", ["I am {me}, a companion who lives in this machine.", "I am a program called {me}, and I stay with you."]),
}

INPUTS_ZH = {
    "thanks": ["谢谢", "谢谢你", "多谢", "非常感谢", "谢谢啊", "谢谢你的帮助"],
    "bye": ["再见", "拜拜", "晚安", "明天见", "我走了", "我要睡觉了", "下次见"],
    "joke": ["讲个笑话", "说个笑话吧", "讲一个笑话给我听", "来个笑话"],
    "self": ["你叫什么名字", "你叫什么", "你是谁", "怎么称呼你", "你的名字是什么", "你的名字叫什么", "你叫什么呀"],
    "nature": ["你是机器人吗", "你是人吗", "介绍一下你自己", "你是什么", "你住在哪里", "你是真人吗"],
}
INPUTS_EN = {
    "thanks": ["thanks", "thank you", "thank you very much", "thanks a lot", "thank you so much"],
    "bye": ["goodbye", "bye", "good night", "see you tomorrow", "i am leaving", "i am going to bed", "see you"],
    "joke": ["tell me a joke", "a joke please", "do you know a joke", "make me laugh"],
    "self": ["what is your name", "what's your name", "who are you", "how should i call you", "tell me your name"],
    "nature": ["are you a robot", "are you human", "tell me about yourself", "what are you", "where do you live", "are you real"],
}
