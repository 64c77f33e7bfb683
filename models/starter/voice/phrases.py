"""Writes the pinyin tables of the voice: `python phrases.py DATA_DIR`.

Readings: the `pypinyin` package and its phrase data (MIT). Which words are common: the `wordfreq`
package (Apache-2.0; data CC BY-SA 4.0), used only to choose rows. `chars.tsv` has one reading a
character, `phrases.tsv` the words whose reading differs from that of their characters.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pypinyin import Style, lazy_pinyin
from wordfreq import top_n_list

FIXED = {"了": "le5", "的": "de5", "着": "zhe5", "得": "de5", "地": "di4", "吗": "ma5", "呢": "ne5", "吧": "ba5", "啊": "a5", "们": "men5", "么": "me5", "子": "zi3", "和": "he2", "还": "hai2", "都": "dou1", "为": "wei4", "没": "mei2", "长": "chang2", "行": "xing2", "重": "zhong4", "乐": "le4", "觉": "jue2", "好": "hao3", "不": "bu4", "一": "yi1", "嗯": "en4", "哦": "o4", "呀": "ya5", "嘛": "ma5", "啦": "la5"}
EXTRA = ["音乐", "快乐", "银行", "重要", "重新", "睡觉", "觉得", "长大", "爱好", "还给", "地方", "高兴", "中奖", "因为", "东西", "妈妈", "爸爸", "名字", "朋友", "喜欢", "知道", "记得", "告诉", "明白", "什么", "怎么", "为什么", "时候", "一会儿", "教室", "数学", "数一数", "着急", "睡着了", "得到", "跑得快", "慢慢地"]


def syllables(text: str) -> list[str]:
    return lazy_pinyin(text, style=Style.TONE3, neutral_tone_with_five=True, tone_sandhi=False)


def main() -> None:
    out = Path(sys.argv[1])
    han = lambda w: all("\u4e00" <= c <= "\u9fff" for c in w)
    words = [w for w in [*EXTRA, *top_n_list("zh", 60000)] if han(w)]
    chars = {c: FIXED.get(c) or syllables(c)[0] for w in words for c in w}
    chars |= FIXED
    (out / "chars.tsv").write_text("".join(f"{c}\t{p}\n" for c, p in sorted(chars.items())))
    rows = {}
    for word in words:
        if 1 < len(word) <= 6:
            reading = syllables(word)
            if len(reading) == len(word) and reading != [chars[c] for c in word]:
                rows[word] = " ".join(reading)
    (out / "phrases.tsv").write_text("".join(f"{w}\t{p}\n" for w, p in sorted(rows.items())))
    print(len(chars), "characters,", len(rows), "phrases")


if __name__ == "__main__":
    main()
