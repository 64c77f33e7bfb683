"""Free Chinese sentences: shapes filled with word classes, so that everyday words are heard in many contexts."""

from __future__ import annotations

import random
import re

from . import lexicon

WORDS = {
    "n": """书 桌子 椅子 房间 门 窗户 床 灯 电视 手机 电脑 衣服 裤子 鞋子 帽子 袜子 裙子 外套 雨伞 书包 钱包 钥匙 眼镜 手表 照片 信 报纸 杂志 词典 铅笔 钢笔 本子 纸 杯子 盘子 碗 筷子 勺子 刀 锅 冰箱 洗衣机 空调 沙发 地毯 枕头 被子 毛巾 牙刷 肥皂 镜子 梳子 箱子 盒子 袋子 瓶子
        蛋糕 面包 牛奶 水果 蔬菜 鸡蛋 米饭 面条 汤 菜 肉 糖 盐 茶 咖啡 啤酒 果汁 药 花 树 草 叶子 山 河 湖 海 岛 沙滩 石头 星星 月亮 太阳 云 雪 风 雨 彩虹 火 路 桥 街道 楼 房子 花园 公园 学校 医院 银行 超市 商店 餐厅 饭馆 酒店 车站 机场 地铁 公交车 出租车 火车 飞机 自行车 汽车 摩托车 船
        问题 答案 办法 主意 计划 消息 故事 笑话 秘密 梦 歌 电影 游戏 比赛 节目 新闻 照相机 礼物 玩具 球 棋 票 钱 工作 作业 考试 课 会议 电话 邮件 名字 生日 节日 假期 天气 时间 机会 经验 习惯 爱好 脾气 声音 味道 颜色 样子 地方 城市 国家 世界 生活 身体 眼睛 耳朵 鼻子 嘴 牙 头发 手 脚 腿 心 肚子 脸 猫 狗 鸟 鱼 马 牛 羊 兔子 老鼠 蚊子 蜘蛛 蜗牛 蝴蝶""".split(),
    "who": """我 我 我 你 他 她 我们 你们 他们 大家 有人 谁 妈妈 爸爸 爷爷 奶奶 哥哥 姐姐 弟弟 妹妹 儿子 女儿 老公 老婆 老师 同学 同事 老板 邻居 朋友 医生 护士 司机 警察 孩子 客人 我妈 我爸 我家人 我朋友 我同学 我女儿 我儿子 小孩子 那个人 这个人 房东 经理 女朋友 男朋友""".split(),
    "v": """看 买 卖 找 吃 喝 做 洗 擦 修 换 拿 放 送 借 还 给 丢 捡 偷 藏 搬 抱 打开 关上 检查 整理 收拾 打扫 准备 喜欢 讨厌 需要 想要 认识 知道 记得 忘记 学习 练习 写 画 读 听 唱 说 问 回答 讨论 解释 介绍 选择 决定 改变 开始 完成 停止 继续 参加 离开 等待 帮助 感谢 照顾 保护 教 养 种 摸 闻 尝 试 穿 戴 脱 切 煮 炒 烤 倒 寄 收到 发现 听见 看见 遇见 想念 相信 担心 羡慕 拍 玩 用 数 算 付 订 取消 浪费 节约 打破 弄坏 弄脏 弄丢 照亮 推荐 批评 表扬 原谅""".split(),
    "vi": """走 跑 跳 飞 坐 站 睡觉 起床 休息 工作 上班 下班 上学 放学 回家 出门 旅行 散步 跑步 游泳 唱歌 跳舞 聊天 吵架 哭 笑 生气 生病 感冒 发烧 咳嗽 住院 请假 加班 开会 开车 搬家 结婚 离婚 迟到 逛街 购物 做饭 吃饭 洗澡 刷牙 洗脸 打电话 上网 玩游戏 看书 写字 画画 锻炼 减肥 发呆 做梦 排队 堵车 停电 下雨 下雪 刮风 毕业 考试 面试 出差 退休 道歉 帮忙 投降 排练 表演 理发 修车 倒垃圾 喂猫 遛狗 浇花 晒衣服""".split(),
    "adj": """好 坏 大 小 新 旧 多 少 高 矮 长 短 胖 瘦 快 慢 早 晚 冷 热 暖和 凉快 干净 脏 安静 吵 亮 暗 重 轻 贵 便宜 漂亮 难看 可爱 聪明 笨 懒 勤快 开心 难过 生气 害怕 紧张 放松 无聊 有趣 累 困 饿 渴 忙 闲 简单 难 容易 复杂 重要 危险 安全 奇怪 普通 特别 甜 酸 苦 辣 咸 淡 香 臭 新鲜 软 硬 厚 薄 宽 窄 深 浅 远 近 满 空 湿 干 老 年轻 健康 舒服 方便 麻烦 热闹 温柔 善良 诚实 骄傲 害羞 勇敢 小气 大方 礼貌 认真 马虎 着急 耐心 孤单 幸福 可怜 可怕 完美 糟糕 真实 乱 整齐 精彩""".split(),
    "adv": "很 非常 特别 太 真 有点 比较 越来越 不 不太 最 更 一点也不 好像很 还是很 都很 其实很".split(),
    "when": """今天 昨天 明天 后天 前天 早上 中午 下午 晚上 半夜 刚才 现在 以后 以前 小时候 上个星期 下个月 去年 明年 周末 星期三 春天 夏天 秋天 冬天 每天 每个星期 有时候 经常 从来 突然 终于 马上 一会儿 三天前 很久以前 下雨的时候 吃饭以前 睡觉之前 下班以后 放假的时候 昨天夜里 最近 这几天 第一次 上次 下次""".split(),
    "where": """在家 在学校 在公司 在厨房里 在客厅里 在房间里 在床上 在沙发上 在桌子上 在窗户旁边 在门口 在楼下 在楼上 在院子里 在公园里 在路上 在车里 在地铁上 在飞机上 在医院 在超市 在银行 在图书馆 在海边 在山上 在河边 在树下 在冰箱里 在书包里 在抽屉里 在箱子里 在外面 在里面 在旁边 在附近 在网上 在电视上 在城里 在农村 在国外 在电影院 在餐厅""".split(),
    "m": "一个 这个 那个 我的 你的 他的 她的 我们的 一些 很多 几个 两个 三个 新的 旧的 妈妈的 朋友的 另一个 第一个 最后一个 所有的 每个 谁的 什么 哪个 红色的 漂亮的 最大的 便宜的 坏了的 奇怪的".split(),
    "mod": "想 要 会 能 可以 应该 必须 得 打算 愿意 敢 不想 不要 不会 不能 不应该 还没 已经 正在 刚刚 又 再 一直 常常 总是 从来不 差点 忘了 喜欢 开始 准备 好像 一定要".split(),
    "num": "两 三 四 五 六 七 八 九 十 十二 二十 一百 几".split(),
    "end": "吗 呢 吧 啊 了 的 呀 好不好 对不对 行不行 可以吗".split(),
}
SHAPES = """{who}{v}了{m}{n}|{who}{mod}{v}{m}{n}|{who}{mod}{vi}|{when}{who}{vi}了|{who}{when}{v}{n}|{who}{where}{v}{n}|{who}{where}{vi}|{when}{who}{where}{vi}|{m}{n}{adv}{adj}|{n}{adv}{adj}|{who}{adv}{adj}|{who}{when}{adv}{adj}|{m}{n}{where}|{n}{where}{end}|{who}把{m}{n}{v}了|{who}的{n}被{who}{v}了|{who}没{v}{n}|{who}没有{m}{n}|{who}有{m}{n}
|{who}为什么{mod}{vi}|{who}为什么{v}{n}|{who}怎么{v}{n}|{who}什么时候{vi}|{who}在哪里{v}{n}|谁{v}了{m}{n}|你{v}过{n}吗|你{mod}{v}{n}吗|你{mod}{vi}吗|{who}{vi}了{end}|{m}{n}{adv}{adj}{end}|{n}{adj}吗|{n}怎么这么{adj}|怎么{v}{n}|哪里有{n}|{n}多少钱|有没有{n}|{who}是不是{vi}了|{who}{adj}不{adj}
|请{v}{n}|请帮我{v}{n}|别{v}{m}{n}|别{vi}了|不要{v}{n}|我们{vi}吧|我们去{v}{n}吧|让我{v}{n}|快{vi}|一起{vi}好吗|把{n}{v}一下|给我{v}{m}{n}|我觉得{n}{adv}{adj}|我觉得{who}{adv}{adj}|我知道{who}{v}{n}|我希望{who}{vi}|我以为{who}{adv}{adj}|我听说{who}{v}了{n}|{who}说{n}{adv}{adj}|{who}问我{n}{where}{end}
|因为{who}{adv}{adj}所以{who}{vi}|虽然{n}{adj}但是{who}{v}|如果{who}{vi}我就{v}{n}|{who}一边{vi}一边{vi}|{who}先{vi}再{vi}|只要{who}{adj}就好|{who}比{who}{adj}|{n}比{n}{adj}|{n}和{n}|{n}还是{n}|{m}{n}|{adj}的{n}|{who}和{who}{vi}|{who}对{n}{adv}{adj}|{who}给{who}{v}了{m}{n}|{num}个{n}|{who}{v}了{num}次|{num}点{who}{vi}|再过{num}天{who}{vi}
|{when}{adv}{adj}|{when}见|{where}等我|{where}有{m}{n}|{who}跟{who}{vi}|{who}连{n}都不{v}|除了{n}都{adj}|{who}越{v}越{adj}|{n}{v}完了|{n}{v}好了没有|{who}{v}得{adv}{adj}|{name}{vi}了|{name}{v}了{m}{n}|{name}和{name}{where}|{name}{adv}{adj}|我{when}{mod}{v}{n}|我{when}{mod}{vi}|我的{n}{adj}{end}|你的{n}真{adj}|这{n}真{adj}|那里的{n}{adv}{adj}|听{name}说{who}{vi}了"""
SHAPES = SHAPES.replace("\n", "").split("|")
SLOT = re.compile(r"\{(\w+)\}")


def free(rng: random.Random) -> str:
    """A free sentence of at most eighteen characters."""
    while True:
        pick = lambda match: lexicon.value("name", "zh", rng) if match.group(1) == "name" else rng.choice(WORDS[match.group(1)])
        text = SLOT.sub(pick, rng.choice(SHAPES))
        if len(text) <= 18:
            return text
