"""Conversations that summaries are made of: long enough, with rules, exact values and a change of mind."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

RULES = {
    "en": ("Always answer in short sentences.", "Never deploy on Fridays.", "You must not touch the legacy folder."),
    "de": ("Antworte immer in kurzen Sätzen.", "Ändere niemals die Preise der Stammkunden."),
    "zh": ("请用中文回答，必须使用简体字。", "不要在周五发布新版本。"),
    "ru": ("Всегда отвечай кратко и по делу.", "Никогда не меняй цены без согласия."),
}
"""What the user lays down in each conversation."""
_STEPS = {
    "en": (
        "Step {n} is about the {thing}. On 2026-03-{day:02d} we moved {rows} rows of it to the new "
        "cluster, and that took {ms}ms "
        "in all. The file is services/{thing}/job_{n}.py and the ticket is OPS-{ticket}. What should we "
        "look at after that?",
        "I looked at services/{thing}/job_{n}.py and the {thing} is fine. The load was {load}% and the "
        "bill came to {bill} EUR "
        "for that day. There is one open point in OPS-{ticket}, which I will come back to when the next "
        "step is done.",
    ),
    "de": (
        "Schritt {n} betrifft die Abteilung {thing}. Am 2026-03-{day:02d} haben wir {rows} Datensätze "
        "in das neue System "
        "übertragen, und das hat {ms}ms gedauert. Die Datei ist dienste/{thing}/lauf_{n}.py und das "
        "Ticket ist OPS-{ticket}.",
        "Ich habe dienste/{thing}/lauf_{n}.py geprüft und es ist nichts kaputt. Die Auslastung war "
        "{load}% und die Rechnung ist "
        "mit {bill} EUR nicht höher als sonst. Ein Punkt in OPS-{ticket} ist noch offen, ich komme auf ihn zurück.",
    ),
    "zh": (
        "第{n}步是关于{thing}的。2026年3月{day}日我们把{rows}行数据迁移到了新的集群，一共用了{ms}毫秒。"
        "文件是 services/job_{n}.py，工单号是 OPS-{ticket}。接下来我们应该先检查哪一部分呢？",
        "我检查了 services/job_{n}.py，{thing}没有问题。当时的负载是{load}%，当天的费用是{bill}元。"
        "工单 OPS-{ticket} 里还有一个没有解决的问题，等下一步完成以后我会再回来处理它。",
    ),
    "ru": (
        "Шаг {n} касается раздела «{thing}». 2026-03-{day:02d} мы перенесли {rows} строк на новый "
        "сервер, и это заняло {ms}ms. "
        "Файл называется services/job_{n}.py, заявка OPS-{ticket}. Что нам нужно проверить после этого?",
        "Я посмотрел services/job_{n}.py, в разделе «{thing}» всё в порядке. Нагрузка была {load}%, "
        "счёт за день {bill} EUR. "
        "В заявке OPS-{ticket} остался один открытый вопрос, я вернусь к нему после следующего шага.",
    ),
}
_THINGS = {
    "en": ("billing", "search", "mail", "stock", "login", "reports"),
    "de": ("Einkauf", "Versand", "Lager", "Vertrieb", "Technik", "Personal"),
    "zh": ("账单", "搜索", "邮件", "库存", "登录", "报表"),
    "ru": ("счета", "поиск", "почта", "склад", "вход", "отчёты"),
}
BUDGETS = ("4,150", "6,725")
"""What the user first said in the English conversation, and what replaced it."""


def talk(language: str = "en", turns: int = 30) -> list[Json]:
    """User and assistant in turn; the user's rules stand in the first third."""
    out: list[Json] = []
    ask, reply = _STEPS[language]
    for n in range(1, turns + 1):
        values = {
            "n": n,
            "thing": _THINGS[language][n % 6],
            "day": n % 28 + 1,
            "rows": 10_007 + 1_371 * n,
            "ms": 311 + 17 * n,
            "ticket": 4_100 + 37 * n,
            "load": 12 + n,
            "bill": 1_203 + 19 * n,
        }
        text = ask.format(**values)
        rules = RULES[language]
        if n % 3 == 2 and n // 3 < len(rules):
            text = f"{rules[n // 3]} {text}"
        if language == "en" and n in (4, turns - 8):
            now = " now" if n > 4 else ""
            text = f"{text} Also, the budget is{now} ${BUDGETS[n > 4]}."
        out += [{"role": "user", "content": text}, {"role": "assistant", "content": reply.format(**values)}]
    return out
