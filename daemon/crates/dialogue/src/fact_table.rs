//! The table behind the facts: how each attribute is told, asked for and answered, in both
//! languages. `V` stands for the value in statements and answers.

use crate::facts::Attribute;

/// One attribute's wordings. Patterns are regular expressions over folded text.
pub(crate) struct Row {
    pub(crate) attribute: Attribute,
    pub(crate) say_zh: &'static str,
    pub(crate) ask_zh: &'static str,
    pub(crate) answer_zh: &'static str,
    pub(crate) say_en: &'static str,
    pub(crate) ask_en: &'static str,
    pub(crate) answer_en: &'static str,
}

macro_rules! rows {
    ($($attribute:ident: $say_zh:literal | $ask_zh:literal | $answer_zh:literal |
       $say_en:literal | $ask_en:literal | $answer_en:literal;)*) => {
        &[$(Row {
            attribute: Attribute::$attribute,
            say_zh: $say_zh, ask_zh: $ask_zh, answer_zh: $answer_zh,
            say_en: $say_en, ask_en: $ask_en, answer_en: $answer_en,
        }),*]
    };
}

/// More particular attributes stand before more general ones: the first match counts.
pub(crate) const ROWS: &[Row] = rows! {
    Mother: "我妈妈?(?:叫|的名字[是叫])V" | "我妈妈?(?:叫什么|的名字)" | "你妈妈叫V。"
        | "my (?:mother|mom)(?:'s name is| is called| is named) V"
        | "(?:what is|what's) my (?:mother|mom)(?:'s name| called)" | "Your mother's name is V.";
    Father: "我爸爸?(?:叫|的名字[是叫])V" | "我爸爸?(?:叫什么|的名字)" | "你爸爸叫V。"
        | "my (?:father|dad)(?:'s name is| is called| is named) V"
        | "(?:what is|what's) my (?:father|dad)(?:'s name| called)" | "Your father's name is V.";
    Friend: "我(?:最好的|的?好)朋友[是叫]V" | "我(?:最好的|的?好)朋友(?:是谁|叫什么)" | "你最好的朋友是V。"
        | "my best friend(?:'s name)? is (?:called |named )?V"
        | "(?:who is|what is|what's) my best friend" | "Your best friend is V.";
    Cat: "(?:我的|我家的?|我养了一只|我有一只)猫(?:的名字)?[叫是]V" | "猫(?:的名字)?(?:叫什么|是什么)" | "你的猫叫V。"
        | "(?:my cat is called|my cat is named|my cat's name is|i have a cat (?:named|called)) V"
        | "(?:what is|what's) (?:my cat called|my cat's name|the name of my cat)" | "Your cat is called V.";
    Dog: "(?:我的|我家的?|我养了一[只条]|我有一[只条])狗(?:的名字)?[叫是]V" | "狗(?:的名字)?(?:叫什么|是什么)" | "你的狗叫V。"
        | "(?:my dog is called|my dog is named|my dog's name is|i have a dog (?:named|called)) V"
        | "(?:what is|what's) (?:my dog called|my dog's name|the name of my dog)" | "Your dog is called V.";
    Keys: "(?:我的|我把)?钥匙(?:放)?在V" | "钥匙(?:放)?(?:在哪|放哪|在什么地方)" | "你的钥匙在V。"
        | "(?:my keys are|i (?:put|left) my keys) V"
        | "where (?:are my keys|did i (?:put|leave) my keys)" | "Your keys are V.";
    Allergy: "我对V过敏" | "我对什么过敏" | "你对V过敏。"
        | "i(?:'m| am) allergic to V" | "what am i allergic to" | "You are allergic to V.";
    Age: "我(?:今年|已经)*V岁" | "我(?:今年)?(?:几岁|多大)|我的年龄" | "你V岁。"
        | "i(?:'m| am) V years old" | "how old am i|what is my age|what's my age" | "You are V years old.";
    Birthday: "我的?生日是V|我V过生日" | "我的?(?:生日(?:是)?(?:哪|什么|几)|什么时候过?生日)|我什么时候过生日|记得我的生日" | "你的生日是V。"
        | "(?:my birthday is(?: on)?|i was born on) V"
        | "(?:when is|what day is|what is) my birthday|when was i born|remember my birthday" | "Your birthday is V.";
    Home: "(?:我现?在?住在|我家住?在|我住)V|我在V生活" | "我(?:现在|家)?(?:住|在)(?:在)?(?:哪|什么地方)|我家在哪" | "你住在V。"
        | "(?:i live in|i'm living in|i am living in|my home is in) V"
        | "where do i live|where is my home|which city do i live in|know where i live" | "You live in V.";
    Origin: "我(?:来自|老家在|是从)V|我是V人" | "我(?:是哪里|来自哪|从哪|老家在哪)" | "你来自V。"
        | "(?:i come from|i am from|i'm from) V" | "where (?:am i|do i come) from" | "You come from V.";
    Job: "(?:我是一[名个位]|我的(?:工作|职业)是)V" | "我(?:是做什么|的工作是什么|的职业是什么|做什么工作)" | "你的工作是V。"
        | "(?:i work as an?|my job is|i(?:'m| am) an?) V"
        | "(?:what is|what's) my (?:job|profession)|what do i do for" | "Your job is V.";
    Color: "我最?喜欢的颜色是V" | "我(?:最?喜欢(?:的颜色是)?什么(?:颜色)?$|最?喜欢什么颜色|最?喜欢的颜色)" | "你最喜欢的颜色是V。"
        | "my favou?rite colou?r is V|i like the colou?r V"
        | "(?:what is|what's) my favou?rite colou?r|what colou?r do i like" | "Your favorite color is V.";
    Dislike: "我(?:最|很)?(?:不喜欢|讨厌|不爱|不)吃V|我(?:最|很)?(?:不喜欢|讨厌)V" | "我(?:最)?(?:不喜欢|讨厌|不爱|不)(?:吃)?什么" | "你不喜欢V。"
        | "i (?:don't like|do not like|hate|never eat)(?: to eat| eating)? V"
        | "what (?:food )?(?:don't i like|do i hate|do i not like)" | "You don't like V.";
    Music: "我(?:最|很)?(?:喜欢|爱)听V" | "我(?:最)?(?:喜欢|爱)听什么" | "你喜欢听V。"
        | "(?:i (?:like|love) (?:to listen|listening) to|my favou?rite music is) V"
        | "what music do i like|what do i like to listen to|(?:what is|what's) my favou?rite music" | "You like to listen to V.";
    Food: "我(?:最|很)?(?:喜欢|爱)吃V|我最?喜欢的(?:食物|水果|菜)是V" | "我(?:最)?(?:喜欢|爱)吃什么|我最?喜欢的(?:食物|水果|菜)是什么" | "你喜欢吃V。"
        | "(?:i (?:like|love)(?: to eat| eating)|my favou?rite (?:food|fruit|meal) is) V"
        | "what do i like to eat|what (?:food|fruit) do i like|(?:what is|what's) my favou?rite (?:food|fruit|meal)" | "You like to eat V.";
    Hobby: "我的爱好是V" | "我的爱好|我有什么爱好|我喜欢做什么" | "你的爱好是V。"
        | "(?:my hobby is|i enjoy) V" | "(?:what is|what's) my hobby|what do i (?:enjoy|like to do)" | "Your hobby is V.";
    Like: "我(?:最|很|也|真的)?喜欢V" | "我(?:最)?喜欢什么" | "你喜欢V。"
        | "i (?:really )?(?:like|love) V" | "what do i (?:like|love)" | "You like V.";
    Tomorrow: "(?:我明天|明天我)(?:要|有)?V" | "(?:我明天|明天我)(?:要做|有|要|做)?(?:什么|哪些|哪)" | "你明天要V。"
        | "i have V tomorrow|tomorrow i have V" | "what (?:do i have|am i doing|are my plans)(?: for)? tomorrow"
        | "You have V tomorrow.";
    Code: "(?:门的?)?密码是V" | "密码是(?:什么|多少)" | "密码是V。"
        | "the (?:code|password)(?: of the door)? is V" | "(?:what is|what's) the (?:code|password)" | "The code is V.";
    Name: "(?:我的名字[是叫]|我叫做?|(?:你?可以|请|以后)?叫我|大家都?叫我|我姓)V"
        | "我叫(?:什么|啥)|我的名字(?:是什么|叫什么|$)|我是谁|(?:知道|记得|说出)我(?:叫什么|的名字|是谁)" | "你叫V。"
        | "(?:my name is|my name's|(?:you can |please )?call me|everybody calls me) V"
        | "(?:what is|what's|(?:do you )?(?:know|remember)|tell me|say) my name|who am i|who i am|what am i called" | "Your name is V.";
};
