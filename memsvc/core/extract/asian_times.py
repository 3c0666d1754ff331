"""Words for a day in Chinese, Japanese and Korean."""

from __future__ import annotations

from memsvc.core.extract.meant import Say, counted, fixed, week_of
from memsvc.core.patterns import regex

_N_CJK = r"(?<![\d.,:/〇零一二三四五六七八九十百千万几第-])(\d{1,2}|[一二三四五六七八九十两兩])"
_INSIDE = "(?<![以之然今最目眼面背先此事提过過随天年月日午明说說聪聰证證发發文声聲黎原近本未将將从從历歷起出进進回])"
"""Not the end of another word: 然后天气, 说明天气, 原来年轻."""
_WEEKDAY_ZH = (
    "([二三四五六](?![个個回次位名家场場天年件种種条條成分之点點])|一(?![个個回起直定些样樣共切般次天同块塊边邊点點会會半层層度向旦再])"
    "|日(?![程常期子本记記元语語用报報益])|天(?![气氣天空]))"
)
_LAST_ZH, _NEXT_ZH = "(?<![晚早网網线線马馬以天路身手地桌])上", "(?<![线線楼樓天乡鄉底地门門])下"
_WEEK_ZH = "(?:[周週]|个?星期|個星期|个?礼拜|個?禮拜)"
_TABLE_ZH: tuple[tuple[str, Say], ...] = (
    (f"{_INSIDE}大前天", fixed("day", -3, True)),
    (f"{_INSIDE}大[后後]天", fixed("day", 3, True)),
    (f"{_INSIDE}前天(?![天气氣空色下才生赋真文堂])", fixed("day", -2, True)),
    (f"{_INSIDE}[后後]天(?![天气氣空色下才生赋真文堂性])", fixed("day", 2, True)),
    ("昨天|昨日|昨晚", fixed("day", -1, True)),
    (f"{_INSIDE}(?:明天|明日(?!方舟|之))", fixed("day", 1, True)),
    (f"{_LAST_ZH}{_WEEK_ZH}{_WEEKDAY_ZH}", week_of(-1)),
    (f"{_NEXT_ZH}{_WEEK_ZH}{_WEEKDAY_ZH}", week_of(1)),
    (f"(?:[这這本]{_WEEK_ZH}){_WEEKDAY_ZH}", week_of(0)),
    (f"{_LAST_ZH}{_WEEK_ZH}(?![末边邊围圍年])", fixed("week", -1, True)),
    (f"{_NEXT_ZH}{_WEEK_ZH}(?![末边邊围圍年])", fixed("week", 1, True)),
    (f"{_LAST_ZH}[个個]月(?![饼餅])", fixed("month", -1, True)),
    (f"{_NEXT_ZH}[个個]月(?![饼餅])", fixed("month", 1, True)),
    ("(?<![过過])去年", fixed("year", -1, True)),
    (f"{_INSIDE}明年(?![轻輕龄齡])", fixed("year", 1, True)),
    (
        rf"(?:^|(?<=[，。,.！？；\s我们們在他她就是约約概]))"
        rf"{_N_CJK} ?(天|[周週]|个星期|個星期|个月|個月|年)之?前",
        counted(-1, True),
    ),
    (rf"(?<=[我们們]){_N_CJK} ?(天|[周週]|个星期|個星期|个月|個月|年)之?[后後]", counted(1, True)),
)
_TABLE_JA: tuple[tuple[str, Say], ...] = (
    ("一昨々日", fixed("day", -3, True)),
    ("明々後日", fixed("day", 3, True)),
    ("一昨日", fixed("day", -2, True)),
    ("明後日", fixed("day", 2, True)),
    ("昨日|昨晩", fixed("day", -1, True)),
    ("明日(?!方舟)", fixed("day", 1, True)),
    ("先週の([月火水木金土日])曜日?", week_of(-1)),
    ("来週の([月火水木金土日])曜日?", week_of(1)),
    ("今週の([月火水木金土日])曜日?", week_of(0)),
    ("先週(?!末)", fixed("week", -1, True)),
    ("来週(?!末)", fixed("week", 1, True)),
    ("先月", fixed("month", -1, True)),
    ("(?<![以原])来月", fixed("month", 1, True)),
    ("去年|昨年", fixed("year", -1, True)),
    ("(?<![以原])来年", fixed("year", 1, True)),
    (rf"(?:^|(?<=[、。\s]))(?:約)?{_N_CJK} ?(日|週間|か月|ヶ月|年)前", counted(-1, True)),
)
_TABLE_KO: tuple[tuple[str, Say], ...] = (
    ("그끄저께", fixed("day", -3, True)),
    ("글피", fixed("day", 3, True)),
    ("그저께", fixed("day", -2, True)),
    ("어제", fixed("day", -1, True)),
    ("내일", fixed("day", 1, True)),
    ("지난 ?주(?! ?말)", fixed("week", -1, True)),
    ("다음 ?주(?! ?말|의|요|문|인|소|제)", fixed("week", 1, True)),
    ("지난 ?달", fixed("month", -1, True)),
    ("다음 ?달", fixed("month", 1, True)),
    ("작년", fixed("year", -1, True)),
    ("내년", fixed("year", 1, True)),
)
"""Days before or after something that was named ("三天后" after an operation) have no date: it is not told from now."""
CHINESE, JAPANESE, KOREAN = (tuple((regex(p), say) for p, say in table) for table in (_TABLE_ZH, _TABLE_JA, _TABLE_KO))
MAY_TELL = regex("[天日晚晩周週期拜月年께피제일주달년]")
"""One of these is in all that the tables look for."""
