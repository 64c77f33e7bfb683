"""Names and values for tests only: no training text may hold one (`ears/guard.py` sees to it)."""

EN = {
    "name": "Gideon Beatrix Thaddeus Winifred Alistair Philippa Leopold Cordelia Bartholomew Rosalind Ezekiel Marguerite Desmond Octavia Fabian Tabitha Rupert Henrietta Cedric Imogen".split(),
    "food": "artichokes|lasagna|radishes|pistachios|apricots|celery|lobster|oatmeal|gingerbread|turnips|croissants|cauliflower|papaya|meatballs|sauerkraut|raspberries".split("|"),
    "city": "Glasgow Bucharest Montreal Nairobi Manila Zurich Krakow Antwerp Calcutta Marseille Portland Belgrade".split(),
    "job": "astronomer blacksmith butcher surgeon florist sculptor optician beekeeper locksmith janitor".split(),
    "hobby": "archery|juggling|pottery|origami|woodworking|kayaking|embroidery|surfing|wrestling|calligraphy".split("|"),
    "pet": "Biscuit Pickle Nugget Whiskers Domino Sprout Caramel Bandit".split(),
    "color": "turquoise lavender scarlet beige maroon".split(),
    "animal": "squirrel hedgehog ferret lizard pigeon".split(),
    "thing": "backpack|stapler|headphones|thermos|flashlight".split("|"),
}

ZH = {
    "name": "欧阳曦 司马翰 诸葛锦程 上官瑶 慕容薇 关颖 柳婷婷 殷骏 祝霖 季斌 葛璐璐 骆岚 章硕 翁倩 鲍毅 阮蕾 阿琪 小婷 小薇 阿斌".split(),
    "food": "荔枝 杏仁 莲藕 南瓜 蛋挞 春卷 山药 木耳 枇杷 香肠 烧麦 韭菜 海带 麻花 石榴 哈密瓜".split(),
    "city": "洛阳 扬州 宁波 珠海 银川 绍兴 威尼斯 曼谷 维也纳 西宁 徐州 米兰".split(),
    "job": "兽医 牙医 邮递员 木匠 调酒师 考古学家 药剂师 裁缝 船长 保安".split(),
    "hobby": "射箭 剪纸 冲浪 打太极 潜水 雕刻 打保龄球 放风筝 露营 吹笛子".split(),
    "pet": "饼干 芝麻 糯米 闪电 小灰 阿福 元宝 丸子".split(),
    "color": "银色 米色 青色 褐色 玫红色".split(),
    "animal": "松鼠 刺猬 蜥蜴 鸽子 狐狸".split(),
    "thing": "耳机 手电筒 水杯 订书机 身份证".split(),
}
