//! Units and currencies: how they are written, and how they are said in both languages.

/// A unit of measure.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unit {
    /// How it is written behind a number.
    pub(super) signs: &'static [&'static str],
    pub(super) zh: &'static str,
    /// Stands before the number in Chinese: 百分之.
    pub(super) zh_first: &'static str,
    /// One of it.
    pub(super) en: &'static str,
    /// Several.
    pub(super) en_many: &'static str,
}

/// A currency.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Currency {
    pub(super) signs: &'static [&'static str],
    pub(super) zh: &'static str,
    pub(super) en: &'static str,
    pub(super) en_many: &'static str,
    /// A hundredth, one and many.
    pub(super) cents: (&'static str, &'static str),
}

const fn unit(
    signs: &'static [&'static str],
    zh: &'static str,
    en: &'static str,
    en_many: &'static str,
) -> Unit {
    Unit { signs, zh, zh_first: "", en, en_many }
}

/// Units that are written with signs or Latin letters.
pub(super) const UNITS: [Unit; 38] = [
    Unit { signs: &["%", "％"], zh: "", zh_first: "百分之", en: "percent", en_many: "percent" },
    Unit { signs: &["‰"], zh: "", zh_first: "千分之", en: "per mille", en_many: "per mille" },
    unit(&["°C", "℃", "°c"], "摄氏度", "degree Celsius", "degrees Celsius"),
    unit(&["°F", "℉"], "华氏度", "degree Fahrenheit", "degrees Fahrenheit"),
    unit(&["°"], "度", "degree", "degrees"),
    unit(&["km/h", "kph"], "公里每小时", "kilometer per hour", "kilometers per hour"),
    unit(&["mph"], "英里每小时", "mile per hour", "miles per hour"),
    unit(&["m/s"], "米每秒", "meter per second", "meters per second"),
    unit(&["km²", "km2"], "平方公里", "square kilometer", "square kilometers"),
    unit(&["m²", "m2", "㎡"], "平方米", "square meter", "square meters"),
    unit(&["m³", "m3"], "立方米", "cubic meter", "cubic meters"),
    unit(&["km", "KM"], "公里", "kilometer", "kilometers"),
    unit(&["cm", "CM"], "厘米", "centimeter", "centimeters"),
    unit(&["mm", "MM"], "毫米", "millimeter", "millimeters"),
    unit(&["nm"], "纳米", "nanometer", "nanometers"),
    unit(&["m"], "米", "meter", "meters"),
    unit(&["ft"], "英尺", "foot", "feet"),
    unit(&["kg", "KG", "Kg"], "千克", "kilogram", "kilograms"),
    unit(&["mg"], "毫克", "milligram", "milligrams"),
    unit(&["g"], "克", "gram", "grams"),
    unit(&["lb", "lbs"], "磅", "pound", "pounds"),
    unit(&["ml", "mL"], "毫升", "milliliter", "milliliters"),
    unit(&["L"], "升", "liter", "liters"),
    unit(&["GB"], "G B", "gigabyte", "gigabytes"),
    unit(&["MB"], "兆", "megabyte", "megabytes"),
    unit(&["TB"], "T B", "terabyte", "terabytes"),
    unit(&["KB", "kB"], "K B", "kilobyte", "kilobytes"),
    unit(&["GHz"], "吉赫兹", "gigahertz", "gigahertz"),
    unit(&["MHz"], "兆赫兹", "megahertz", "megahertz"),
    unit(&["kHz", "KHz"], "千赫兹", "kilohertz", "kilohertz"),
    unit(&["Hz"], "赫兹", "hertz", "hertz"),
    unit(&["kWh", "KWh"], "千瓦时", "kilowatt hour", "kilowatt hours"),
    unit(&["kW", "KW"], "千瓦", "kilowatt", "kilowatts"),
    unit(&["W"], "瓦", "watt", "watts"),
    unit(&["dB", "db"], "分贝", "decibel", "decibels"),
    unit(&["ms"], "毫秒", "millisecond", "milliseconds"),
    unit(&["min"], "分钟", "minute", "minutes"),
    unit(&["h"], "小时", "hour", "hours"),
];

const CENTS: (&str, &str) = ("cent", "cents");

/// Currencies; longer signs before those that they begin with.
pub(super) const CURRENCIES: [Currency; 7] = [
    Currency {
        signs: &["HK$"],
        zh: "港元",
        en: "Hong Kong dollar",
        en_many: "Hong Kong dollars",
        cents: CENTS,
    },
    Currency {
        signs: &["US$", "$", "＄"],
        zh: "美元",
        en: "dollar",
        en_many: "dollars",
        cents: CENTS,
    },
    Currency {
        signs: &["RMB", "CNY", "￥", "¥"],
        zh: "元",
        en: "yuan",
        en_many: "yuan",
        cents: ("fen", "fen"),
    },
    Currency { signs: &["€"], zh: "欧元", en: "euro", en_many: "euros", cents: CENTS },
    Currency {
        signs: &["£"],
        zh: "英镑",
        en: "pound",
        en_many: "pounds",
        cents: ("penny", "pence"),
    },
    Currency { signs: &["₩"], zh: "韩元", en: "won", en_many: "won", cents: ("jeon", "jeon") },
    Currency {
        signs: &["₽"],
        zh: "卢布",
        en: "ruble",
        en_many: "rubles",
        cents: ("kopek", "kopeks"),
    },
];
