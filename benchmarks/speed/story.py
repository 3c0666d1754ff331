"""Talk that a summarizer finds something in: plans, facts that change, figures, paths, orders; the same each time."""

from __future__ import annotations

from random import Random

from benchmarks.speed.talk import encoded

_PEOPLE = "Ana,Bela,Chen,Dora,Emil,Farah,Goran,Hana,Ivo,Jelena,Kofi,Lena,Marko,Nadia,Omar,Petra,Rana,Sven,Tea,Vid"
_PLACES = "Zagreb,Lyon,Osaka,Porto,Leeds,Graz,Turku,Accra,Lima,Quito,Tunis,Riga,Bergen,Malmo,Split,Gent"
_THINGS = (
    "the billing export,the parcel scanner,the login page,the nightly report,the price list,the cold store,the crane,"
    "the search index,the mobile app,the customs form,the pump,the invoice template,the staging cluster,the backup job"
)
_USER = (
    "{who} says {thing} in {where} stopped working at {hour}:{minute:02}; can you find out why?",
    "Please never send mail to customers in {where} without asking {who} first.",
    "The budget for {thing} is {money:,} euros, not {less:,}; {who} corrected it on {month}/{day}.",
    "We decided to move {thing} from {where} to {other} before {month}/{day}.",
    "My order {order} should go to {other}, {who} lives there now.",
    "What did we say about {thing} and the {number} open tickets?",
    "I prefer short answers, and times in 24-hour format, {who} too.",
)
_ASSISTANT = (
    "I looked at {thing}: the error is in src/{slug}/main_{number}.py, line {line}, and began with version {version}. "
    "{who} can restart it with `systemctl restart {slug}`; the queue has {money:,} entries left.",
    "Done. {thing} now runs in {other}; the change is ticket OPS-{order}, and {who} has been told. "
    "Nothing else in {where} was touched. The next check is on {month}/{day} at {hour}:{minute:02}.",
    "There are {number} reasons. First, the limit of {less:,} is reached every night. Second, {who} changed the "
    "schedule for {where}. Third, the disk is {percent} % full. I would start with the limit: {money:,} euros a month.",
    "Noted: order {order} goes to {other}. Is the old address in {where} still needed?",
    "The report says {percent} % of the parcels from {where} were late, {number} more than in the week before.",
)


def message(number: int) -> dict[str, str]:
    """The one of that number: users and assistants in turn, 200 to 400 bytes."""
    dice = Random(number)
    people, places = _PEOPLE.split(","), _PLACES.split(",")
    thing = dice.choice(_THINGS.split(","))
    facts = {
        "who": dice.choice(people),
        "where": dice.choice(places),
        "other": dice.choice(places),
        "thing": thing,
        "slug": thing.removeprefix("the ").replace(" ", "_"),
        "money": dice.randrange(1_000, 90_000),
        "less": dice.randrange(100, 1_000),
        "order": dice.randrange(10_000, 99_999),
        "number": dice.randrange(2, 40),
        "line": dice.randrange(10, 900),
        "percent": dice.randrange(3, 97),
        "hour": dice.randrange(24),
        "minute": dice.randrange(60),
        "month": dice.randrange(1, 13),
        "day": dice.randrange(1, 29),
        "version": f"{dice.randrange(1, 9)}.{dice.randrange(20)}.{dice.randrange(9)}",
    }
    role, said = ("user", _USER) if number % 2 == 0 else ("assistant", _ASSISTANT)
    return {"role": role, "content": " ".join(part.format(**facts) for part in dice.sample(said, 2))}


def messages(numbers: range) -> bytes:
    """An append of those messages."""
    return encoded({"format": "anthropic", "messages": [message(n) for n in numbers]})
