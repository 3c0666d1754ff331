"""The English of rules: what they are about, how they begin, and what looks like one and is none. Lower case only."""

from __future__ import annotations

OUT = (
    r"(?:repl(?:y|ies)|answers?|responses?|messages?|outputs?|explanations?|summar(?:y|ies)|comments?|sentences?"
    r"|paragraphs?|code|emails?|mails?|texts?|drafts?|translations?|suggestions?|recommendations?|tables?|lists?"
    r"|numbers?|dates?|times?|prices?|amounts?|distances?|temperatures?|measurements?|units?|names?|links?|sources?"
    r"|citations?|quotes?|claims?|functions?|methods?|classes|variables?|files?|commits?|tests?|docstrings?|titles?"
    r"|headings?|bullet points?|recipes?|reports?|turns?|changes?|branch(?:es)?|pull requests?|prs?|currenc(?:y|ies)"
    r"|tone|language|wording|writing|work|chats?|conversations?|documents?|steps?|facts?|figures?|options?|results?"
    r"|terms?|words?|lines?|rules?|posts?|tickets?|notes?|snippets?|examples?|reviews?|values?|assumptions?"
    r"|conclusions?"
    r"|verdicts?)"
)
"""What an assistant produces."""

OUTPUTS = (
    rf"(?:(?:your|every|each|all|any|no|my|commit|git|error|variable|function|test|file|new|code|unit|\w+ed"
    rf"|public) ){{0,3}}"
    rf"(?:the (?:final )?(?:output|answer|reply|response|tone|language)|{OUT})"
    rf"(?: (?:you (?:write|give|make|send|create|draft|edit|suggest|cite|add)|in (?:the|your|this) \w+|of (?:code"
    rf"|yours)))?"
)

FROM_NOW = (
    r"(?:from (?:now|here|this point|today) on(?:wards?)?|from here on(?: out| in)?|going forward|moving forward"
    r"|henceforth"
    r"|in (?:the )?future|at all times|without exception|under no circumstances|no matter what"
    r"|until (?:i|further notice)\b[^,.]{0,30}|unless (?:i|told|asked|otherwise|we)\b[^,.]{0,30}"
    r"|(?:(?:for|during) the (?:rest|remainder) of (?:this|our|the)|(?:for|in|during|throughout) (?:this|our)) "
    r"(?:(?:whole|entire) )?(?:session|chat|conversation|discussion|thread|project|repo(?:sitory)?|codebase)"
    r"|while we(?:'re| are)? (?:work|talk|chat|do|writ)\w*[^,.]{0,30}|as long as we (?:talk|work)[^,.]{0,20}"
    r"|in all (?:your )?future \w+|in every (?:reply|answer|response|message))\b"
)

LEAD = (
    r"[^\w]*(?:\d{1,2}[.)]\s*|[a-z][.)]\s+)?(?:(?:p\.? ?s\.?|n\.?b\.?|please|pls|plz|kindly|also|and|but|so|then"
    r"|oh|ok|okay"
    r"|hey|hi|hello|well|yes|no|thanks|thank you|great|good|cool|sure|btw|by the way|just|again|first|second(?:ly)?"
    r"|third(?:ly)?|last(?:ly)?|finally|additionally|remember(?: that)?|note(?: that)?|reminder"
    r"|(?:very )?important(?:ly)?|attention"
    r"|rules?(?: \d+)?|constraints?|requirements?|preferences?|one (?:more|other|last) (?:thing|rule|request)"
    r"|another (?:thing|rule)|this is an? (?:\w+ )?(?:constraint|rule|requirement)|remember that|note that"
    r"|keep in mind(?: that)?|as a (?:general )?rule|in general|generally|by default|above all|most importantly"
    r"|i repeat"
    r"|absolutely|ideally|whenever possible|where possible|if possible|when possible)\b[\s,:;.!\u2014-]{1,4})*"
)

STATES = (
    r"(?:i|we|he|she|they|it|things|there|this|that|these|those|the|my|our|his|her|their|some|most|many|what|why"
    r"|how|who"
    r"|where|which|is|are|was|were|am|do you|did|does|has|have|had|will|would|can|could|may|might|everyone|nobody"
    r"|someone"
    r"|everybody|thanks|thank|sorry|sounds|looks|a|an|of|or|i'\w+|we'(?:re|ve|ll|d)|it's|that's|he's|she's|they'\w+"
    r"|there's|people|you'\w+|though|at least|maybe|perhaps|usually|sometimes|definitely|let(?! me (?:see|review"
    r"|read|check|approve|confirm))"
    r"|you (?:will|might|should have|need|can|could|may|were|had|have (?:a|been|done)))\b"
)
"""How a statement begins."""

ONCE = (
    r"\b(?:th(?:is|at|ese|ose) (?:\w+ )?(?:ones?|time|once|paragraph|text|email|mail|article|file|sentence|word"
    r"|page|function"
    r"|letter|song|booking|order|trip|phrases?|book|record|bug|issue|branch|pr|commit|flight|hotel)|just once|for now"
    r"|right now|today|tonight|tomorrow|this (?:morning|week|afternoon|evening|weekend)|next week|asap"
    r"|by (?:mon|tues|wednes|thurs|fri|satur|sun)day|by (?:noon|\d)|the (?:following|first|second|third|next|last|other"
    r"|latter|former|same) |attached|ha ?ha\w*|lol|like (?:this|that)\b)"
)
"""What makes a request of something that is done once."""

ONE_TIME = (
    r"\b(?:the|this|that|these|those|it|him|her|them|today|tomorrow|tonight|chance|moment|minutes?|seconds?|sec"
    r"|time|done"
    r"|ready|finished|through|free|back|home|there|here|land|arrive|go|leave|left|come|forget|was|were|had|did"
    r"|went|came|saw"
    r"|met|got|moved|want|wish|like|would|could|can|happen to|i were|see (?!a\b|an\b|any|\w+s\b)\w+|\w+ works?)\b"
)
"""What makes an occasion one that comes once."""
GENERIC = (
    r"\bthe (?:tasks?|users?|questions?|requests?|answers?|topic|prompt|subject|input|conversation|problem|rule"
    r"|math)\b|(?<=ing) (?:them|it)\b"
)
"""Definite and yet not one thing."""

CHATTER = (
    r"(?:\w+(?: \w+)? too (?:late|hard|long)|(?:remove|edit|modify|delete) this (?:header|file|line|notice)|worry"
    r"|mind|you|know|think|see|have to|have the|have a|have any|even|really|get (?:me|too|up|lost)|bother"
    r"|be (?:shy|sad"
    r"|afraid|sorry|(?:too|so)\b(?! (?:formal|verbose|long|polite|nice|short|wordy|technical))|silly|late|such)"
    r"|a\b|the\b|an\b|been|here|there|happy|glad|nice|good|great|fun"
    r"|love[sd]?|heard"
    r"|had|was|were|again|knew|thought|felt|give up|gonna|believe|stop (?:believ|learn|dream|smil)\w*|wonder\w*|look on"
    r"|say never|feel|miss|hesitate|panic|sweat|hold (?:it|your)|lose|ever (?:change|give up|forget|quit|stop)"
    r"|forget|stress|let\b(?! (?:users|anyone|any))"
    r"|leave me|go (?!online|beyond|over|into|outside|ahead)|wait|let (?:it|them|him|her)|take (?:it|my word)"
    r"|quote me|blame"
    r"|disturb signs|laugh|hate|pleasure|exactly|trust (?:a|anyone)|want|need|like|in doubt|understand|remember"
    r"|agree|care"
    r"|underestimate|tell me (?:you|it|that)|be able|full|up\b|down\b|such|open to|ready|willing|able|saw|came"
    r"|got|gets?\b|quit|fails?\b|comes?\b|goes"
    r"|makes\b|has\b|stop\b|have (?:been|seen)|(?!embed|need|speed|proceed|exceed|shed)\w{2,20}ed\b"
    r"|(?!bring)\w{3,20}ing\b)"
)
"""What follows "never", "always" or "don't" in small talk."""

NEVER = rf"(?:always|never|(?:do not|don't)(?: you)?(?: ever)?|do (?:always|never))\s(?!{CHATTER})[a-z]"

MANNER = (
    r"(?:use|prefer|favou?r|avoid|name|match|keep|state|mark|flag|round|put|lead|treat|format|prioriti[sz]e|focus"
    r"|skip|stick"
    r"|follow|cite|quote|spell|capitali[sz]e|limit|assume|expand|signal|minimi[sz]e|maximi[sz]e|default|lean"
    r"|replace|wrap"
    r"|prefix|structure|organi[sz]e|phrase|word|justify|express|label|number|indent|align|separate|mention|refer"
    r"|restrict|disclose|anonymi[sz]e|redact|mask|omit|abbreviate|italici[sz]e|respect|preserve|hide|address)"
)
"""Verbs of how to do things: with a plural, or something without an article, for an object they are no request."""

ORDER = (
    rf"(?:{MANNER}|ask|tell|show|check|confirm|wait|warn|get|run|list|give|say|add|write|explain|include|make"
    rf"|take|start|end"
    r"|do|read|restate|repeat|summari[sz]e|suggest|pick|choose|point|correct|stop|propose|verify|test|review"
    r"|update|commit"
    r"|describe|provide|offer|convert|always|never|don't|do not|please|only|first|be|leave|send|reply|answer"
    r"|respond|remind"
    r"|apologi[sz]e|switch|ignore|link|think|search|look|consult|try|create|set|return|break|highlight|translate"
    r"|call|go"
    r"|sort|draft|attach|note|no|let me|double|triple|extract|outline|identify|open|close|scale|pause|begin"
    r"|finish|hold|drop"
    r"|turn|report|log|rank|tag|message|speak|talk|recommend|book|buy|notify|ping|alert|copy|save|back up|print"
    r"|use|just)"
)
"""Verbs that begin an order."""

FOODS = (
    r"(?:vegetarian|vegan|pescatarian|lactose[- ]intolerant|gluten[- ](?:free|intolerant)|c(?:o)?eliac|diabetic"
    r"|kosher|halal"
    r"|teetotal|colou?r[- ]?blind|dyslexic|deaf|blind)"
)

NOT_NAMES = (
    r"(?!back\b|later|when\b|tomorrow|crazy|if\b|at\b|on\b|tonight|asap|now\b|again|in\b|the (?!\w+$)|about|to\b"
    r"|an?\b (?:cab|taxi)|after|before|today|and\b|once\b|soon|from\b|up\b|old|naive|maybe|by (?:\d|noon)|what)"
)
"""What "call me" is followed by when it is no name."""

NO_NOTHING = (
    r"(?!te\b|se\b|lo\b|la\b|es\b|hay\b|me\b|nos\b|thanks|problems?|idea|way\b|worries|one\b|doubt"
    r"|more (?:meetings|excuses)|need|matter|big|rush|hurry|kidding|wonder"
    r"|luck|that\b|the\b|it\b|i\b|you\b|we\b|not\b|sir|he\b|she\b|they\b|pets|kids|plans|messages|questions asked"
    r"|updates|news|word|signs?|responses?\b(?= yet)|reservations"
    r"|results|errors|issues|changes yet|preferences?)"
)

NAMES = {
    **{"OUT": OUT, "OUTPUTS": OUTPUTS, "NEVER": NEVER, "MANNER": MANNER, "ORDER": ORDER, "FOODS": FOODS},
    **{"NOT_NAMES": NOT_NAMES, "NO_NOTHING": NO_NOTHING},
}
