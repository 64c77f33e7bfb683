//! Signs: which are pauses, which have a name. All others are silent.

/// The pause a sign makes.
pub(super) fn pause(c: char) -> Option<char> {
    match c {
        ',' | '，' | '、' | ';' | '；' | ':' | '：' | '—' | '–' => Some(','),
        '.' | '。' | '\n' => Some('.'),
        '?' | '？' => Some('?'),
        '!' | '！' => Some('!'),
        '…' | '⋯' => Some('…'),
        _ => None,
    }
}

/// Names of signs between numbers, in both languages.
const OPERATORS: [(&str, &str, &str); 6] = [
    ("+＋", "加", "plus"),
    ("-−", "减", "minus"),
    ("×*", "乘以", "times"),
    ("÷/", "除以", "divided by"),
    ("xX", "乘", "by"),
    ("=＝", "等于", "equals"),
];

/// Names of signs wherever they stand.
const NAMES: [(char, &str, &str); 36] = [
    ('&', "和", "and"),
    ('=', "等于", "equals"),
    ('≈', "约等于", "about"),
    ('≠', "不等于", "not equal to"),
    ('≥', "大于等于", "at least"),
    ('≤', "小于等于", "at most"),
    ('→', "到", "to"),
    ('²', "平方", "squared"),
    ('³', "立方", "cubed"),
    ('℃', "摄氏度", "degrees Celsius"),
    ('°', "度", "degrees"),
    ('½', "二分之一", "one half"),
    ('¼', "四分之一", "one quarter"),
    ('¾', "四分之三", "three quarters"),
    ('①', "一", "one"),
    ('②', "二", "two"),
    ('③', "三", "three"),
    ('④', "四", "four"),
    ('⑤', "五", "five"),
    ('⑥', "六", "six"),
    ('⑦', "七", "seven"),
    ('⑧', "八", "eight"),
    ('⑨', "九", "nine"),
    ('⑩', "十", "ten"),
    ('α', "阿尔法", "alpha"),
    ('β', "贝塔", "beta"),
    ('γ', "伽马", "gamma"),
    ('δ', "德尔塔", "delta"),
    ('Δ', "德尔塔", "delta"),
    ('θ', "西塔", "theta"),
    ('λ', "兰姆达", "lambda"),
    ('μ', "缪", "mu"),
    ('π', "派", "pi"),
    ('σ', "西格玛", "sigma"),
    ('ω', "欧米伽", "omega"),
    ('Ω', "欧姆", "ohm"),
];

/// The names of a sign between what stands before it and behind it, spaces left aside.
pub(super) fn name(c: char, before: &str, after: &str) -> Option<(&'static str, &'static str)> {
    let left = before.ends_with(|c: char| c.is_ascii_digit() || c == ')' || c == '）');
    let right = after.starts_with(|c: char| c.is_ascii_digit() || c == '(' || c == '（');
    let operator = OPERATORS.iter().find(|(signs, ..)| left && right && signs.contains(c));
    let named = |(_, zh, en): &(char, &'static str, &'static str)| (*zh, *en);
    let found = || NAMES.iter().find(|(sign, ..)| *sign == c).map(named);
    let word = |text: Option<char>| text.is_some_and(char::is_alphanumeric);
    let joined = c != '=' || word(before.chars().next_back()) && word(after.chars().next());
    operator.map(|(_, zh, en)| (*zh, *en)).or_else(|| found().filter(|_| joined))
}
