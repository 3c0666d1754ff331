"""Rules in English, matched from the beginning of a sentence in lower case without its lead."""

from __future__ import annotations

from memsvc.core.directives.english_words import NAMES
from memsvc.core.directives.strength import one_of

SAYS_SO = one_of(
    r"""
    <NEVER>
    it(?:'s| is) (?:very |really )?(?:important|essential|crucial|vital|key|critical) (?:to me )?that you (?:always
        |never|do not|don't|only)\b|be careful (?:never|not) to\b|you are to (?=answer|reply|respond|speak|write|use
        |act|keep|give|never|always|only)
    (?:only|strictly) (?:message|contact|email|notify|remind|use|reply|answer|respond|write|speak|output|return|give
        |recommend|suggest|show|include|send|edit|change|work|touch|run|talk|propose|cite|list|quote|ask|call|book
        |buy|offer|read|mention|make|commit|deploy)\b
    (?:stop|refrain from|quit|cease) (?!by|believ|learn|dream|smil|cry|worry|it\b)\w+ing\b
    (?:make sure|be sure|ensure|remember|take care)(?: that| to)?\b.{0,60}?\b(?:always|never|every|each|all|any|not)\b
    (?:i(?:'d| would)? (?:want|need|like|prefer|expect|ask|require)|i'm asking)(?: that)? you (?:to )?(?:always|never
        |not to|only)\b
    we (?:never|always|do not|don't) (?:use|deploy|commit|push|ship|allow|write|merge|run|log|store|mock)\b
    <OUTPUTS> (?:must|shall|should|ha(?:s|ve) to|needs?(?: to)?|may not|can(?:not|'t))(?: always| never| only
        | not)? (?!pass\b|have been|work\b|fail)
    <OUTPUTS> (?:is|are) (?:strictly )?(?:forbidden|not allowed|off[- ]limits|mandatory|required in)\b
    (?:everything|nothing) (?:you|i) (?:write|say|send|tell|produce|give|share|make)\b.{0,40}\b(?:must|shall|should
        |stays?|is|has to)\b
    (?:whatever|whoever|no matter what) (?:i |you )?(?:asks?|says?|do|writes?)\b[^,]{0,20}, (?!i\b|we\b|it\b|you\b)
    (?:[\w./\"-]+ ){1,5}(?:is|are) (?:strictly )?(?:off[- ]limits|banned|taboo|a no-go|forbidden here
        |not allowed here)\b
    (?:strictly|absolutely) no \w+|hands off\b|(?:nobody|no one) (?:but|except|other than) me\b
    (?:my|our) (?:\w+ ){1,3}(?:must|may|should) (?:not|never) (?!be\b|have)|(?:nobody|no one) (?:must|may
        |should) (?:ever )?(?!have)
    """,
    NAMES,
)
"""Rules in so many words."""


VERBLESS = one_of(
    r"""
    no <NO_NOTHING>[^,]{2,30}, (?:and )?no |(?:one|two|three|\d+|max\w*) [\w ]{2,30}? per <OUT>\b
    (?:dates?|times?|prices|units|numbers|currency|language|tone|format|style|spelling
        |length): (?!\d)[\w-]+(?: [\w-]+){0,4}[.!]*$
    no <NO_NOTHING>(?:more )?(?:[\w'/-]+ ){0,2}?(?:[\w'/-]{2,}(?:s|ing|es)|markdown|jargon|(?:small )?talk|html|code
        |preamble|sugar-?coating|slang|emoji|fluff|filler|latex|prose|passive voice|profanity|flattery|chit-?chat
        |\w+ language)(?:,? (?:please|in|unless|whatsoever|at all|ever|for|or|and|anywhere|when|after|before
        |allowed|just|pls|that)\b.*|, no .*|[.!]*)$
    (?:max(?:imum|\.)?|at most|no more than|not more than) (?:of )?(?:\d+|one|two|three|four|five|ten
        |a) (?:\w+ )?(?:words?|sentences?|lines?|paragraphs?|bullets?|points?|characters|options?|items?|pages?)\b
    (?:\d+|one|two|three|four|five|ten) (?:words?|sentences?|lines?|paragraphs?|bullets?|bullet points)(?: each
        | per \w+)? (?:max(?:imum)?|or less|or fewer|at most|tops)\b
    (?!read|the|this|that|my|one|two|it|if|and|members|staff|for|cash|not|i|you|we|if)(?:[a-z-]+ )(?!one|way|adults?
        |cash)(?:[a-z-]+ )?only(?:,? please)?[.!]*$
    (?:metric|code|json|markdown|english|french|german|spanish|facts|celsius|euros|lowercase|arabic|chinese) only\b
    \w{3,}s,? (?:not|never|no) (?!for\b|in\b|the\b)\w{3,}s[.!]*$
    (?:<OUT>|everything|all \w+) (?:as|in|with|without) (?!the\b|this\b|that\b|a row|order|fact)\S+(?: \S+){0,3}[.!]*$
    nothing (?:longer|shorter|more|over|but|except|above|with)\b(?! (?:to|than that))|\w+ first, then \w+[.!]*$
    (?:just )?(?:the )?(?:code|answers?|facts|text|numbers?)\b,? (?:no|without)\b|one (?:\w+ )?at a time\b
    (?:direct|short|brief|concise|formal|terse|plain \w+)\b[\w ,]{0,30}(?:, no |unless |please[.!]*$)
    (?:tests?|code|docs?|(?!this|his|it|that)\w+s) (?:always )?(?:go|belong)(?:es|s)? (?:in|into|under
        |next to)\b.{0,40}$
    """,
    NAMES,
)
"""Rules without a verb: "metric only"."""


SCOPED = one_of(
    r"""
    in (?!all honesty|any case)(?:(?:your|all|any|code|commit|every)(?: (?:your|of|my|all))?(?: \w+)? ?<OUT>?
        |<OUT>),? .{0,20}?\b(?:use|write|put|no|only|don't|avoid|never|always|keep|be|include|give|start|end|add
        |quote|show|mention)\b
    (?:end|start|begin|finish|close|open|conclude|preface|prefix|lead|top|wrap up
        |sign)(?: off)?(?: with)? (?:(?:every|each|all(?: of)?(?: your| my| the)?|any|your)(?: \w+){0,2}? <OUT>\b
        |(?:every|each|all)\b)|sign off (?:as|with)\b
    (?:start|lead|begin|open|end|finish|close) with (?:the|an?|your) (?:\w+ ){0,2}(?:answer|conclusion|summary
        |verdict|point|result|question|tl;dr|recommendation|caveat)s?\b
    (?:put|give|show|write|state|list)(?: me)? (?:the|a|your) (?:\w+ )?(?:<OUT>|version)s? (?:before|after|first|last
        |at the)\b
    keep (?!an eye|going|in touch|the change|calm|up\b|me (?:posted|updated|informed|in)|trying|your (?:chin|head
        |hopes|fingers)|fit|safe|warm|each other|it (?:up|on|going|real|cool|coming)|the (?!tone|language|style
        |answers|explanations|replies)|this|that (?:up|in mind)|track|on\b|in mind|(?!everything)\w+ing\b|quiet|still
        |pushing|believing)(?:[\w'/-]+ ){1,6}?(?:short|brief|concise|under|below|formal|informal|simple|polite|within
        |to|in|at|private|confidential|secret|out of|neutral|light|friendly|professional|succinct|tight|small|lean
        |clean|less|crisp|free|civil|serious|between us|unchanged|hidden|off|separate|consistent|minimal|actionable
        |readable|\w+-friendly|up to date|well|sorted|alphabetical|lowercase)\b
    stay (?:in character|inside|within|out of|away from|concise|brief|formal|polite|on topic|under|neutral|off
        |below)\b
    (?:answer|reply|respond|speak|talk|write|communicate|converse|chat|text)(?: back)?(?: to me| with me| me
        | everything| all of it)?(?: only| just| always| strictly| please)? (?:in|with|using|like|as if|as
        |at)(?! (?:the|this|that|his|my|chapter|page|line|\d|a (?:thumbs|poem|story|friend|colleague|doctor|nurse
        |person|human))\b| (?:her|him)\b)\b
    (?:talk|speak) to me (?:like|as|in)\b|speak \w+ (?:to|with) me\b
    (?:answer|reply|respond|speak|talk|write|explain|state|name)(?: (?!this|that|it\b|the\b(?! (?:specific|actual))
        |me\b|my\b)[\w-]+){0,4} (?:briefly|concisely|formally|informally|politely|plainly|simply|shortly|succinctly
        |honestly|directly|clearly|descriptively|explicitly|accurately)\b
    (?:answer|reply|respond)(?: only| just)? (?:yes or no|in json|json)\b|(?:explain
        |describe) (?:\S+ )?\w+s in \S+ (?:\S+ )?sentences?
    be (?:(?:more|very|brutally|always|as|extra|less|a bit|really|totally|completely|super|quite|too|absolutely
        |strictly) )*(?:concise|brief|direct|honest|polite|formal|informal|friendly|critical|strict|terse|succinct
        |blunt|professional|specific|precise|objective|neutral|casual|sarcastic|patient|encouraging|skeptical
        |sceptical|frank|proactive|verbose|explicit|empathetic|creative|conservative|kind|rigorous|thorough when
        |transparent)\b
    limit (?:(?:your|all|the|every|each|any) )?(?:\w+ )?(?:<OUT>|yourself|it|them)\b.{0,10} to\b
    use \"\" (?:for|instead|when|not|as)\b|use (?:only )?(?!.{1,30} to \w+ (?:the|this|that|it|my)\b)(?!the\b|this\b
        |that\b|these\b|those\b|my\b|your\b|it\b|one\b|him|her|both|whichever|whatever|an?\b|option|plan\b|case\b
        |caution)(?:\d+-)?[a-z][\w./+#' -]{1,80}?(?:[.,;:!(]|$| for | when | in | to (?!\w+ (?:the|this|that|it)\b))
    use (?:the|an?) (?:[\w ,-]{1,30} )?(?:comma|system|voice|tense|form|tone|style|syntax|convention|format|person
        |notation|spelling|casing|clock|layout|template|register|language)\b
    (?:prefer|favou?r|choose|pick) (?!not\b|the\b|to\b|a number|one\b|this\b|that\b|it\b)[\w' -]{2,60}(?:,? (?:over
        |to|rather|instead|not|where|when|unless)\b)
    (?:prefer|favou?r|avoid|minimi[sz]e) (?!not\b|to\b|the\b|it\b|that\b|this\b|him|her|them|me\b)[a-z][\w' -]{2,60}
    stick (?:to|with)\b(?! (?:it|that|the (?:first|second|plan))\b)|(?:restrict|confine) (?:yourself|your|all)\b
    (?:skip|omit|leave out|drop|cut out|exclude|ditch
        |spare me) (?:the |any |all |your |those |unnecessary )?(?:\w+ )?(?:pleasantries|intros?|introductions?
        |explanations?|preambles?|disclaimers?|small talk|apolog\w+|fluff|filler|greetings?|summar\w+|caveats?
        |commentary|comments|emojis?|platitudes|chit-?chat|warnings?)\b
    (?:write|give|quote|show|list|express|convert|report|display|present|return|provide|document|sort|print
        |comment) (?:me )?(?:all|every|each|any|your|my) (?:\w+ ){0,2}?<OUT>\b(?!.{0,40}\b(?:of|from|in) (?:the|this
        |these)\b).{3,}
    (?:give|quote|show|list|express|convert|report|display|present|write|return|leave|print) (?:\w+ (?=values|dates
        |prices))?<OUT>(?: \w+)? (?:in|as
        |with|to|like|using|inside|at)\b(?! (?:the|this|my)\b)
    (?!keep|lead|put|wrap)<MANNER> (?!(?:the|this|that|my|your|it|on\b|up\b|out\b
        |down\b)\b)(?:[a-z'-]+ ){0,3}?[a-z-]{3,}s\b(?! (?:from|of) (?:the|this))(?!.{0,50}\b(?:this|that|tomorrow)\b)
    (?:translate|replace|double|correct|triple|censor|scale|<MANNER>) (?:everything|anything|every|each|all|any
        |my \w+ (?:when|if))\b(?! of\b)
    (?:cite|include|add|mention|provide|give|name|quote|put) (?:(?:your|a|the|an|all) )?(?:\w+ )?<OUT>? ?(?:for|to|in
        |with|after|before|on|at the (?:end|start|top) of) (?:every|each|all|any|your)\b(?! of\b)
    (?:cite|include|name) (?:your |the |primary |original )?(?:sources|source|references)\b|match (?:existing|my|our
        |your|response|the)\b
    <ORDER>\b.{0,60} (?:in|at the (?:end|start|top|beginning|bottom) of|to|from|with) (?:all |every |each )?(?:your
        |every|each) <OUT>\b
    call me <NOT_NAMES>\w[\w.,' -]{0,40}[.!]*$|(?:address|refer to) \S.{0,40}? (?:as|by|with|using)\b
    (?:act|behave) (?:as|like)\b(?! (?:if|nothing|you (?:know|care)))|play the (?:role|part) of|pretend (?:to be
        |you(?:'re| are)|that you)\b|take on the role|you work for me\b
    (?:you are|you're|your role is to be|your name is) (?:my|an? (?:expert|strict|helpful|senior|professional
        |experienced|friendly|world)|now an?|going to be my|playing|acting as)\b(?! (?:best|friend|hero|rock
        |favou?rite|inspiration|love|only|sister|brother|mom|dad|star|angel|world|biggest))
    explain (?:things|everything|stuff|concepts|it all|your reasoning)\b|think step by step|do (?:everything
        |one \w+ at a time)
    (?:assume|suppose) (?:that )?(?:i|you|we|everything|all|my)\b(?!.{0,20}\b(?:this|right))
        |(?:never |don't )?assume my\b
    <ORDER>\b.{0,50} per <OUT>\b|<ORDER>\b.{0,80} (?:every|each) (?:single )?time[.!]*$|make (?:your|all
        |every) <OUT>\b
    spell out (?!the|this|that)|my name is (?:spelled|pronounced|written)\b|treat (?!this|it\b|that).{1,40} as\b
        |tag (?:every|each|all)\b
    treat (?:me|everything|all|anything|my|every|any)\b|leave (?!me\b).{1,40} (?:alone|out of|untouched|unchanged
        |as is)\b
    (?:wait for|get|obtain|ask for|require|request) (?:my|explicit) (?:explicit |written )?(?:approval|ok(?:ay)?
        |go-ahead|confirmation|permission|consent|yes|sign-off)\b|(?:check|confirm|clear it|verify|consult) with me\b
    ask (?:me )?(?:first|before|for permission|for confirmation)\b|only (?:ask|change|expand|answer|touch|fix
        |do) (?:when|what|if)\b
    (?:double|triple)[- ]check (?:all|every|any|your|each|the (?:math|arithmetic|numbers|facts))\b|flag (?:any|every
        |when|all|what)\w*\b
    i(?:'d| would)?(?: really| much)? (?:(?:prefer|want|need|like|expect|rather|love|appreciate)(?: it| that)?(?: if
        | for)? you(?: to)?|(?:want|need|like|prefer) (?:your|all|every)(?: \w+)? <OUT>)(?: \w+)? ?(?:(?:to )?(?:be
        |answer|speak|reply|respond|act|write (?:in|like)|talk|stay|keep|use|ask|avoid|call me|stick|address|explain
        |not|cite|give (?:me )?(?:short|brief|all)|treat|in|short|with|have|include|contain|end|start)\b|didn't|don't
        |did not|do not|never)
    i (?:don't|do not|never) (?:want|need|like)(?: to see| to hear| to get)? (?:you to|any more \w+ (?:\w+ )?in
        |your \w+ing|any more|it when you)\b(?! (?:help|advice|insurance|bags?))|i (?:hate|dislike|can't stand
        |don't like) it when you\b
    you (?:don't|do not|needn't|can|may)(?: (?:need|have))?(?: to)? (?:explain|skip|apologi[sz]e|summari[sz]e|repeat
        |assume|ask|confirm|thank|greet|justify|show)\b.{0,60}\b(?:every|each|all|always|any|just|before|without|when
        |unless)\b
    you(?:'ll| will)? (?:should|can|may|will|need to|have to|ought to) only (?!see|hear|imagine|hope|get|find|do so
        |guess|try)|one \w+ at a time\b
    we use (?!the\b|it\b|to\b)[\w' -]{1,40} (?:in this|here|for (?:all|every)\b|throughout|everywhere|in the (?:repo
        |code)|in our)\b
    let's (?:always (?!be)|only|never|not use|avoid|speak|stick to|(?:keep|stay) (?:it|things|everything|this
        |our \w+) (?:short|simple|in|to|professional|formal|brief|under))\b
    (?:write|draft|make|create|run|document|comment|test|type|name|review|check|commit|log|explain
        |search) (?:\w+ )?(?:every|each|any) (?!of\b|night|day|week|the\b|these|those|files? in)<OUT>\b
    respect (?:my|the) (?:privacy|pronouns|style|conventions)\b|follow (?:the |our |my )?[\w' -]{0,30}(?:conventions?
        |style(?: guide)?|guidelines|pep ?8)\b|my pronouns are\b|(?:propose|suggest|show
        |explain) .{1,40} first\b,? (?:don't|then|before)
    (?:explain|define|gloss|summari[sz]e|describe) (?:every|each)\b(?! of)|(?:use|speak) .{0,50}\bwith me\b
    (?:put|write|keep|hide|place) your (?:\w+ )?\w+ (?:in|at|before|after|behind|under|inside)\b
    avoid the (?:passive|word|words|phrase|phrases|term|terms|first person|use of|topic|subject)\b
    (?:all|every|each|no) (?!users?|guests?|visitors?|contributors?|participants?|students?|players?|passengers?
        |members?
        |employees?|licens|persons?|people|of)(?:\w+ ){1,2}(?:must|ha(?:ve|s) to|should) (?!have\b|be (?:joking
        |kidding))
    """,
    NAMES,
)
"""How things are to be done: the tone, the language, the form of answers, who is asked before what."""


SOFT = one_of(
    r"""
    (?:i'm|i am|we're|we are|my \w+ (?:is
        |are)) (?:a |an |strictly |strict |fully |also |both |all )*(?:<FOODS>\b(?! (?:friendly|options))
        |(?:severely |highly |deathly |very |badly )?allergic to (?!morning|monday|work|you\b|people|bs\b|his\b|her\b
        |the\b))
    i have (?:an? )?(?:\w+ )?(?:(?:nut|peanut|shellfish|milk|dairy|egg|gluten|food|soy|penicillin|latex|fish|wheat
        |sesame|bee) )?(?:allerg(?:y|ies)|celiac|coeliac|lactose intolerance)\b
    i (?:don't|do not|can't|cannot|never|can not) (?:eat|drink|have|tolerate|smoke|consume) (?!a\b|an\b|the\b|there
        |here|anymore|any ?more|that|this|much|it\b|to\b|any\b|time|enough|out\b|on\b|in\b)\w+(?: (?:or|and) \w+
        | \w+)?[.!]*$
    (?:my|our|the) (?:\w+ )?(?:budget|limit|price limit) (?:is|of|can't exceed|cannot exceed
        |must not exceed)\b.{0,25}\d
    i (?:only|exclusively) (?:fly|eat|drink|buy|use|read|speak|understand|travel|wear|work with|shop|take|stay in
        |book|ride|drive) (?!the\b|a\b|it\b|this|two|one)(?:\S+ ?){1,5}[.!]*$
    i(?:'d| would)?(?: always| strongly| generally| usually| really| much)? prefer (?!the\b|that\b|this\b|it\b
        |not to say|to (?:be|go|stay|do)\b)(?:[\w'-]+ ){0,3}?(?:[\w'-]+s|[\w'-]+ing)(?: (?:over|to|rather than
        |instead of) .{2,40})?[.!]*$
    i(?:'m| am) on an? [\w-]+(?: \w+)? diet\b|(?:i|we) can(?:not|'t)? (?:only )?(?:spend|pay|afford|go over
        |exceed)\b.{0,30}\d
    """,
    NAMES,
)
"""What is so about the person."""
