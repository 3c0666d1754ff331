"""The words of rules in eight languages, lower case."""

from __future__ import annotations

from memsvc.core.directives.grammar import Language

GERMAN = Language(
    signs="""
    niemandem verrate verrat zeige frage erzähl erzähle kürze immer nie niemals stets keine kein keinen jetzt sofort
    heute nun zukunft künftig bevor wenn falls sobald jede jeder jedes alle deine bitte antworte antworten schreib
    schreibe verwende benutze benutz nutze gib sprich rede nenn nenne duze duz sieze siez sei halt halte fass
    vermeide ich nur sag zeig frag nicht musst darfst sollst müssen dürfen
    """,
    lead=r"bitte|also|und|aber|ok|okay|hallo|danke|übrigens|wichtig|außerdem|noch was|hinweis|regel",
    verb=r"""
    (?:antworte|schreib|verwende|benutz|nutz|gib|geb|nenn|sprich|sprech|red|frag|zeig|sag|halt|vermeid|lösch|änder
    |erwähn|füg|beend|beginn|fang|formulier|erklär|fass|duz|siez|sei|mach|zitier|acht|lass|merk|denk|prüf|test
    |kommentier|bleib|nimm|nehm|speicher|teil|verrat|formatier|behalt|übersetz|empfiehl|empfehl|nenn|such|führ
    |bestätig|wart|stell|hör|weis|korrigier|versuch|tu|schick|leg|setz|rund|rechn)\w{0,3}|keine?n?|nicht
    """,
    now=r"""
    ab (?:jetzt|sofort|heute|nun)|von (?:nun|jetzt|heute) an|in zukunft|(?:zu)?künftig|für den rest [^,.]{0,30}
    |bis auf weiteres
    """,
    ever=r"immer|stets|nie|niemals|grundsätzlich|auf keinen fall|ausschließlich|nur noch|jedes mal",
    scope=r"""
    bevor du|bevor sie|vor jede[mr]|nach jede[mr]|wenn du|wenn sie|wenn ich|falls du|falls ich|jedes mal,? wenn
    |immer wenn|sobald du|bei jede[mr]|(?=.{0,30}\b(?:nicht weiter|zweifel))im
    """,
    not_rule=r"ich|wir|er|sie wird|es|hab\w*|bin|wird|war|geht|hatte|ist|sind|kommt|noch",
    ban=r"""
    (?:verrat|sag|erzähl|zeig|gib)\w* (?:\w+ )?niemandem
    |(?:ruf|kontaktier|stör|schreib|frag)\w{0,3}(?: sie)? (?:mich|mir|uns) (?:bitte )?(?:nicht|nie|niemals)(?: mehr)?\b
    |(?:keine?|nie wieder) (?!ahnung|sorge|problem|zeit|lust
    |frage|angst|ursache|panik|eile|chance|wunder|idee
    |mensch)[\w-]+(?: [\w-]+){0,2}?(?: bitte| mehr| verwenden| benutzen| nutzen| einsetzen| schreiben
    | in .{1,30})*[.!]*$|(?:verwende|benutz|nutz|erwähn|schreib|lösch|änder|teil|verrat|nenn|sag|mach|gib|installier
    |push|commit)\w{0,2}(?: sie)?(?: bitte)? (?:(?!die|das|den|mir|dir|euch)\w+ ){0,2}?(?:keine?n?|nicht|nie)\b|(?:du
    |sie) (?:darfst|dürfen|sollst|sollen|musst|müssen) (?:\w+ )?(?:immer|nie|niemals|nicht|keine?n?|nur)\b
    """,
    form=r"""
    (?:antworte|schreib|sprich|rede|red|antworten sie|schreiben sie)(?: bitte| mir| mit mir| nur| ab)* (?:auf|in
    |mit) (?!die|den|das|der|einem brief|\d)\w+(?: \w+){0,3}[.!]*$|fass(?:e|en)? (?:dich|sie sich|es) (?:\w+ )?kurz
    |halt\w* (?:dich|es|deine|alle|sie|die antworten)\b.{0,30}\b(?:kurz|knapp|einfach|unter|sachlich|geheim|formell
    |vertraulich|privat)|sei(?:en sie)? (?:bitte )?(?:\w+ )?(?:kurz|ehrlich|direkt|höflich|präzise|knapp|freundlich
    |streng|sachlich|kritisch)|(?:duze?|siezen?|sieze?)(?: sie)? mich|nenn\w*(?: sie)? mich \w+|(?:jede|alle|deine
    |sämtliche) [\w-]+(?: \w+)? (?:soll|muss|müssen|dürfen|darf)\w*\b|(?:verwende|benutze?|nutze?
    |verwenden sie)(?: bitte)?(?: nur| immer)? (?!die|den|das|dies|mein|dein|ein\b|eine)[\w-]+(?: [\w-]+){0,2}[.!]*$
    |(?:zeig|frag|sag|wart)\w* (?:\w+ ){0,3}?(?:jede\w*|alles?|mich|mir)\b.{0,40}bevor du|(?:sprich|sprechen sie|rede
    |red) mich (?:bitte )?mit|gib (?:\w+ )?(?:preise|daten|zahlen|entfernungen|maße|quellen|alle)\b|(?:frag|warte
    |bestätige)\w* (?:\w+ ){0,4}(?:bevor|vor jede)
    """,
    fact=r"""
    ich bin (?:\w+ )?(?:vegetarier(?:in)?|veganer(?:in)?|vegan|vegetarisch|allergisch|diabetiker(?:in)?
    |laktoseintoleran\w+)|ich habe eine \w*allergie|ich esse (?:kein|nur)|mein budget .{0,20}\d
    """,
)
FRENCH = Language(
    signs="""
    toujours jamais désormais dorénavant maintenant avant quand lorsque si chaque après toutes tous vos tes réponds
    répondez réponds-moi répondez-moi écris écrivez utilise utilisez n'utilise n'utilisez sois soyez appelle-moi
    appelez-moi tutoie-moi vouvoyez-moi tutoyez-moi vouvoie-moi ne pas sans suis parle parlez garde mange
    """,
    lead=r"""
    s'il (?:te|vous) pla[iî]t|svp|stp|et|mais|aussi|alors|ok|merci|bonjour|au fait|important|note|de plus
    |par ailleurs|règle
    """,
    verb=r"""
    (?:répond|écri|utilis|soi|soy|appel|tuto|vouvo|parl|demand|montr|di|dites|fai|faites|donn|indiqu|cit|ajout|évit
    |supprim|modifi|mentionn|commenc|termin|fini|gard|rest|vérifi|test|attend|expliqu|traduis|traduit|mets|mett|rédig
    |limit|préfèr|préfér|confirm|propos|liste|précis|envoi|n'|ne|inclu|corrig|évite|donne)[\w-]*
    """,
    now=r"""
    désormais|dorénavant|à partir de (?:maintenant|là)|à l'avenir|(?:pour|jusqu'à) (?:le reste|la fin) de[^,.]{0,30}
    |jusqu'à nouvel ordre
    """,
    ever=r"toujours|jamais|systématiquement|en aucun cas|uniquement|à chaque fois",
    scope=r"""
    avant (?:d[e'’]|que|chaque|toute?)|quand (?:tu|vous|je)|lorsque (?:tu|vous|je)|si (?:tu (?:n'es|ne|as|dois|fais
    |trouves)|vous (?:n'êtes|ne|avez|devez|faites)|je (?:fais|te|vous|demande)|quelque chose|un|une)|après chaque
    |à chaque fois que|chaque fois que|pour chaque|dans (?:tes|vos|chaque)
    """,
    not_rule=r"je|j'\w*|nous|on|il|elle|ils|elles|c'est|ça|le|la|les",
    ban=r"""
    (?:ne |n')(?!.{0,40}(?:tout de suite|encore|demain|ce soir))(?!t'inquiète|vous inquiétez|t'en|vous en|quitte
    |me dis|bouge|sais|pleure|crois|fais pas|t'excuse|sois pas|oublie|lâche)[\w-]+(?: [\w-]+)?? (?:jamais|pas|plus
    |aucun|que|rien)\b(?! encore| grave| mal)|ne [\w-]+ .{2,40} (?:personne|rien)[.!]*$|(?:pas|plus|aucune?
    |jamais) d(?:e |')(?!problème|souci|chance|quoi|accord|nouvelle|idée|temps)[\w-]+[^.,]{0,30}(?:[.,!]|$)|(?:tu
    |vous) (?:dois|devez|ne dois|ne devez|ne peux|ne pouvez) (?:toujours|jamais|pas|systématiquement|uniquement
    |absolument)
    """,
    form=r"""
    (?:réponds|répondez|écris|écrivez|parle|parlez)(?:-moi|-nous)?(?: moi)?(?: avec moi)?(?: uniquement
    | seulement)? (?:en|avec|par|comme|à la) (?!réunion)\w+(?: \w+){0,3}[.!]*$|(?:sois|soyez) (?:\w+ )?(?:brefs?
    |brève|concise?|directe?|honnête|polie?|précise?|franc|critique|formelle?)|(?:tutoie|tutoyez|vouvoie|vouvoyez
    |appelle|appelez)-moi|(?:chaque|toutes? (?:les |tes |vos )?|tous (?:les|tes|vos)|tes|vos) (?:réponses?|messages?
    |prix|dates|distances|commentaires?|fonctions?|textes?)\b.{0,40}\b(?:doit|doivent|devra|devront|en)\b|(?:garde
    |gardez|limite|limitez) (?:tes|vos|des|les)|(?:utilise|utilisez) (?:toujours |uniquement )?(?:le système
    |des |les unités|l'orthographe|un ton|le vouvoiement|le tutoiement)(?!.{0,20}\b(?:suivant|deuxième))
    """,
    fact=r"""
    je suis (?:\w+ )?(?:végétarien(?:ne)?|végane?|vegan|allergique|diabétique|intolérante?|cœliaque)|je ne (?:mange
    |bois) (?:pas|jamais) d|mon budget .{0,20}\d
    """,
)
SPANISH = Language(
    signs="""
    siempre nunca jamás ahora adelante antes cuando si cada no nada sin responde contesta escribe usa utiliza sé
    llámame trátame tutéame todas todos tus soy habla mantén evita después prohibido
    """,
    lead=r"por favor|porfa|y|pero|también|además|entonces|ok|vale|gracias|hola|importante|nota|regla|oye",
    verb=r"""
    (?:resp[oó]nd|cont[eé]st|escr[ií]b|us[ae]|utili|sé|sea|llám|trát|tuté|habl|pregúnt|pregunt|muéstr|muestr|enséñ|di(?!\w)
    |dilo|dime|diga|díg|dí|haz|hag|da|dé|indi|cita|cite|añad|agreg|evit|borr|elimin|cambi|mencion|empie|empiec|termin
    |mant|qued|verifi|comprueb|esper|explic|tradu|pon|incluy|limit|confirm|avis|corrig|corrij|no(?= )(?! (?:es|he|ha
    |hay|sé|soy|está)\b))[\wáéíóú]*
    """,
    now=r"""
    a partir de (?:ahora|hoy)|de ahora en adelante|desde ahora|en adelante|en el futuro
    |durante el resto de[^,.]{0,30}|hasta nuevo aviso
    """,
    ever=r"siempre|nunca|jamás|en ningún caso|únicamente|solamente|bajo ninguna circunstancia",
    scope=r"""
    antes de|cuando (?:me |te )?\w+[ae]s|cuando (?:cites|uses|escribas|des|hagas|respondas|recomiendes|me \w+)
    |cada vez que|después de cada|si (?:no (?:est[áa]s|sabes|entiendes|lo sabes)|algo|tienes (?:dudas|que)|necesitas
    |cometo|te pido|hay una?)|para cada|en (?:tus|cada|todas)
    """,
    not_rule=r"yo|he|me|nosotros|él|ella|ellos|ha|hemos|voy|va|es|está|la|el|había|estuve|tuve",
    ban=r"""
    no (?:me |le |lo |la |te |les )?(?:uses?|utilices?|escribas?|menciones?|borres?|elimines?|cambies?|compartas?
    |envíes?|respondas?|incluyas?|hagas?|añadas?|toques?|des|digas?|pongas?|empieces|inventes?|repitas?|traduzcas?
    |instales?|modifiques?|publiques?|llames|hables|expliques|pidas|pregunt\w+)\b(?! (?:caso|cuenta)\b)|(?:nunca
    |jamás) (?!h[ae]s? |había|es\b|fue\b)(?:me |le |lo |la )?\w+(?:[ae]s|e|a)\b(?! (?:estado|visto|sido|he))|(?:nada
    |sin|cero) (?:de )?(?!problema|duda|embargo|prisa|más)[\w-]+,? (?:por favor|en tus .{1,20}|nunca)[.!]*$
    |nada de [\w-]+(?: \w+)?[.!,]|(?:debes|tienes que) (?:siempre|nunca)|no (?:debes|puedes) (?!estar|quej)
    """,
    form=r"""
    (?:responde|contesta|escribe|habla|háblame|respóndeme|contéstame)(?: conmigo| solo| sólo| siempre)? (?:en|con
    |como) (?!la|el|los|su|un\b)\w+(?: \w+){0,3}[.!]*$|(?:sé|sea) (?:\w+ )?(?:breve|concis[oa]|direct[oa]|honest[oa]
    |precis[oa]|formal|amable|crític[oa])|(?:llám[ae]me|trát[ae]me|tuté[ae]me)\b(?! (?:mañana|luego|cuando|más|a las
    |si|después))|(?:cada|todas?|todos?|tus) (?:(?:las|los|tus) )?(?:respuestas?|mensajes?|precios|fechas|funciones
    |comentarios?)\b.{0,30}\b(?:debe|deben|tiene|tienen|en)\b|mantén (?:tus|las)|(?:usa
    |utiliza) (?:siempre )?(?:el sistema|unidades|ortografía|un tono|comillas|euros|kilómetros)
    """,
    fact=r"""
    soy (?:\w+ )?(?:vegetarian[oa]|vegan[oa]|alérgic[oa]|celíac[oa]|diabétic[oa]|intolerante)|no (?:como|bebo
    |tomo) [\w]+[.!]*$|mi presupuesto .{0,20}\d
    """,
)
PORTUGUESE = Language(
    signs="""
    sempre nunca jamais agora antes quando se cada não sem responda responde escreva escreve use usa seja sê chame-
    me me fale fala todas suas sou mantenha evite depois nada
    """,
    lead=r"por favor|e|mas|também|então|ok|obrigad[oa]|olá|oi|importante|nota|regra|além disso",
    verb=r"""
    (?:respond|escrev|us[ae]|utiliz|seja|sê|cham|trat|fal|pergunt|mostr|dig|diz|faça|faz|dê|dá|indi|cit|adicion|evit
    |apag|mud|mencion|comec|começ|termin|mant|verifi|esper|expli|tradu|ponha|inclu|limit|confirm|avis|corrij
    |não(?= )(?! (?:é|sou|tem|há|está|sei)\b)
    |pe[çc])[\wáéíóúâêôãõç-]*
    """,
    now=r"""
    a partir de (?:agora|hoje)|de agora em diante|daqui (?:em|para|pra) (?:diante|frente)|doravante|no futuro
    |pelo resto d[^,.]{0,30}
    """,
    ever=r"sempre|nunca|jamais|em hipótese alguma|apenas|somente",
    scope=r"""
    antes de|quando (?:for|der|cita\w*|usa\w*|escreve\w*|você \w+|me \w+|eu \w+|recomenda\w*|fize\w*|responde\w*)
    |sempre que|toda vez que|cada vez que|depois de cada|após cada|se (?:não (?:tiver|souber|entender|sabe)
    |você (?:não|tiver|precisar)|algo|tiver|eu (?:errar|pedir))|para cada|em (?:cada|todas|suas)
    """,
    not_rule=r"eu|nós|ele|ela|eles|vou|vai|é|está|tive|gostei|o|a",
    ban=r"""
    não (?:me |o |a |lhe )?(?:uses?|utilize|escreva|mencione|apague|mude|altere|compartilhe|partilhe|envie|responda
    |inclua|faça|adicione|toque|diga|ponha|invente|repita|instale|comece|dê|fale|explique|modifique
    |pergunte)\b(?! ideia| diferença)|(?:nunca|jamais) (?:me |o |a )?\w+[aeo]r?\b(?! (?:estive|vi|foi
    |gost))(?<!nunca estive)|(?:sem|nada de) (?!problemas?|dúvida|pressa|graça|querer)[\w-]+(?:,? (?:por favor
    |nas? .{1,20}|nunca))?[.!]*$|(?:você )?(?:deve|tem que|precisa) (?:sempre|nunca)|(?:você )?não (?:deve
    |pode) (?!estar)
    """,
    form=r"""
    (?:responda|responde|escreva|escreve|fale|fala)(?: comigo| só| apenas| me)? (?:em|com|como) (?!o\b|a\b
    |um)\w+(?: \w+){0,3}[.!]*$|(?:seja|sê) (?:\w+ )?(?:breve|conciso|concisa|direto|direta|honesto|honesta|preciso
    |formal|educado|crítico)|(?:me chame|chame-me|chama-me|me chama) (?:de )?(?!mais|quando|amanhã|se)|(?:cada|todas?
    |todos?|suas) (?:(?:as|os|suas) )?(?:respostas?|mensagens?|preços|datas|funções)\b.{0,30}\b(?:deve|devem|tem
    |em)\b|mantenha (?:as|suas)|use (?:sempre )?(?:o sistema|unidades|aspas|um tom|ortografia)
    """,
    fact=r"""
    (?:eu )?sou (?:\w+ )?(?:vegetarian[oa]|vegan[oa]|alérgic[oa]|celíac[oa]|diabétic[oa]|intolerante)
    |(?:eu )?não (?:como|bebo) \w+[.!]*$|(?:meu|o meu) orçamento .{0,20}\d
    """,
)
ITALIAN = Language(
    signs="""
    sempre mai poi ora prima quando se ogni non senza niente rispondi rispondimi scrivi usa sii chiamami dammi parla
    tutte sono nessun dopo evita ciascuna solo
    """,
    lead=r"per favore|per piacere|e|ma|anche|inoltre|allora|ok|grazie|ciao|importante|nota|regola",
    verb=r"""
    (?:rispond|scriv|us[ai]|utilizz|sii|sia|chiam|dammi|dai|dia|parl|chied|mostr|dimm|dill|di'|fa'|fai|fammel|fammi
    |indic|cit|aggiung|evit|cancell|cambi|menzion|inizi|termin|finisc|mantien|tien|verific|aspett|spieg|traduc|mett
    |includ|limit|conferm|avvis|corregg|non(?= )(?! (?:è|ho|ha|sono|sia|so)\b))[\wàèéìòù]*
    """,
    now=r"""
    d'ora in (?:poi|avanti)|da (?:ora|adesso|oggi) in (?:poi|avanti)|in futuro|per il resto d[^,.]{0,30}
    |fino a nuovo ordine
    """,
    ever=r"sempre|mai|in nessun caso|esclusivamente|solamente|soltanto",
    scope=r"""
    prima di|prima che|quando (?:mi )?\w+i|ogni volta che|dopo ogni|se (?:non (?:sei|sai|capisci|lo sai)|qualcosa
    |hai (?:dubbi|bisogno)|faccio|ti chiedo|c'è un)|per ogni|nelle (?:tue|risposte)|in ogni
    """,
    not_rule=r"io|ho|sono|noi|lui|lei|abbiamo|ha|è|siamo|vado|andrò|il|la",
    ban=r"""
    non (?:mi |lo |la |le )?(?:usare|utilizzare|scrivere|menzionare|cancellare|cambiare|condividere|inviare
    |rispondere|includere|fare|aggiungere|toccare|dire|mettere|inventare|ripetere|installare|iniziare|dare|parlare
    |spiegare|modificare|chiedere)\b|niente (?!di\b|male|paura|affatto|da\b)[\w-]+,? ?(?:per favore
    |nelle .{1,20})?[.!]*$|(?:devi|deve) (?:sempre|solo)|non (?:devi|deve|puoi) (?:mai|usare|scrivere|dire)
    """,
    form=r"""
    (?:rispondi|rispondimi|scrivi|scrivimi|parla|parlami)(?: con me| solo| soltanto| sempre)? (?:in|con
    |come) (?!modo che|un\b|una\b|il\b|la\b)\w+(?: \w+){0,3}[.!]*$|sii (?:\w+ )?(?:breve|conciso|concisa|diretto
    |diretta|onesto|onesta|preciso|formale|gentile|critico)|(?:chiamami|dammi del (?:tu|lei)
    |mi dia del)\b(?! (?:domani|dopo|quando|più|alle|se))|(?:ogni|tutte le|le tue) (?:risposta|risposte|messaggio
    |date|funzioni?)\b.{0,30}\b(?:deve|devono|in)\b|usa (?:sempre )?(?:il sistema|unità|un tono|virgolette)
    """,
    fact=r"""
    (?:io )?sono (?:\w+ )?(?:vegetarian[oa]|vegan[oa]|allergic[oa]|celiac[oa]|diabetic[oa]|intollerante)
    |non (?:mangio|bevo) \w+[.!]*$|il mio budget .{0,20}\d
    """,
)
DUTCH = Language(
    signs="""
    altijd nooit nu voortaan voordat voor als wanneer elke elk iedere geen niet antwoord schrijf gebruik houd hou
    noem spreek praat wees alle je ik telkens alleen na
    """,
    lead=r"alsjeblieft|alstublieft|graag|en|maar|ook|dus|ok|oké|bedankt|hoi|hallo|belangrijk|let op|regel",
    verb=r"""
    (?:antwoord|schrijf|gebruik|houd?|noem|spreek|praat|wees|vraag|toon|laat|zeg|geef|doe|maak|vermijd|verwijder
    |wijzig|noem|voeg|begin|eindig|sluit|blijf|controleer|test|wacht|leg|vertaal|zet|citeer|vermeld|beperk|bevestig
    |geen|niet)t?(?: u)?
    """,
    now=r"""
    van(?:af)? nu(?: af)?(?: aan)?|voortaan|in het vervolg|in de toekomst|vanaf vandaag|voor de rest van [^,.]{0,30}
    |tot nader order
    """,
    ever=r"altijd|nooit|steeds|in geen geval|uitsluitend|alleen maar|telkens",
    scope=r"""
    voordat (?:je|u)|voor (?:je|u|elke)|als (?:je|u|ik|iets|er iets)|wanneer (?:je|u|ik)|telkens (?:als|wanneer)
    |elke keer (?:als|dat|wanneer)|na elke|bij elke?|in (?:je|elke)
    """,
    not_rule=r"ik|we|wij|hij|zij|ze|het|heb|ben|is|was|gaat|de",
    ban=r"""
    geen (?!idee|probleem|zorgen|zin|tijd|dank|punt|haast|moeite|wonder|kans)[\w'-]+(?: [\w'-]+){0,2}?(?: alsjeblieft
    | alstublieft| meer| gebruiken| in .{1,25})*[.!]*$|(?:gebruik|noem|schrijf|verwijder|wijzig|deel|geef|zeg|maak
    |vermeld)(?! je geen)(?: alsjeblieft)? (?:\w+ ){0,2}?(?:geen|nooit|niet)\b|(?:je|u) (?:mag|moet
    |moogt) (?:\w+ )?(?:nooit|altijd|niet|geen|alleen)\b
    """,
    form=r"""
    (?:antwoord|schrijf|spreek|praat)(?: alsjeblieft| met mij| met me| alleen)* (?:in|met) (?:het )?(?!de\b|een\b
    |deze)\w+(?: \w+){0,2}[.!]*$|(?:houd|hou) (?:je|het|de|alle|uw)\b.{0,25}\b(?:kort|beknopt|simpel|onder|geheim
    |formeel|zakelijk)|wees (?:\w+ )?(?:kort|eerlijk|direct|beleefd|beknopt|precies)|noem me (?!niet|maar)\w+|(?:elk
    |elke|alle|je) (?:antwoord|antwoorden|prijzen|datums|functies?)\b.{0,30}\b(?:moet|moeten|mag)\b
    |gebruik (?:altijd )?(?:metrische|britse|het metrische|de metrische|je-vorm|u-vorm|tabs|spaties)
    """,
    fact=r"""
    ik ben (?:\w+ )?(?:vegetari[ëe]r|veganist|allergisch|diabeet|lactose-intolerant)|ik eet geen|mijn budget .{0,20}\d
    """,
)
POLISH = Language(
    signs="""
    zawsze nigdy teraz odtąd zanim przed gdy kiedy jeśli jeżeli każdą każda każdej nie bez odpowiadaj pisz używaj
    mów nazywaj bądź jestem po unikaj wszystkie trzymaj
    """,
    lead=r"proszę|i|ale|też|także|więc|ok|dzięki|cześć|ważne|uwaga|zasada",
    verb=r"""
    (?:odpowiad|odpowied|pisz|używ|użyj|mów|nazyw|bądź|pyt|zapyt|spyt|pokaż|pokaz|powiedz|daj|podaw|podaj|dodaw|dodaj
    |unik|usuw|zmien|wspomin|zaczyn|kończ|zostań|sprawdz|czekaj|poczekaj|wyjaśn|tłumacz|cytuj|ogranicz|potwierdz|rób
    |zrób|stosuj|trzymaj|nie(?= )(?! (?:\w+ł[ea]m|jest|ma|by)\b))[\wąćęłńóśźż]*
    """,
    now=r"od (?:teraz|dziś|tej pory|dzisiaj)|odtąd|na przyszłość|w przyszłości|do końca [^,.]{0,25}",
    ever=r"zawsze|nigdy|wyłącznie|pod żadnym pozorem|za każdym razem|każdorazowo",
    scope=r"""
    zanim|przed każd\w+|gdy|kiedy|jeśli|jeżeli|za każdym razem,? (?:gdy|kiedy)|po każd\w+|w każd\w+|dla każd\w+
    """,
    not_rule=r"ja|my|on|ona|oni|tam|nie by\w+|\w+łem|\w+łam|by\w+|jest|to",
    ban=r"""
    (?:nigdy )?nie (?:używaj|pisz|wspominaj|usuwaj|zmieniaj|udostępniaj|wysyłaj|dodawaj|podawaj|rób|mów|dotykaj
    |zaczynaj|zgaduj|instaluj|stosuj|odpowiadaj|pytaj|ujawniaj)\w*|bez (?!problemu|wątpienia|przesady|sensu|obaw
    |żartów|zmian)[\wąćęłńóśźż-]+(?:, proszę| proszę| w .{1,20})?[.!]*$|nie (?:wolno|możesz)\b
    """,
    form=r"""
    (?:odpowiadaj|pisz|mów)(?: do mnie| ze mną| tylko)? (?:po|w|z) \w+(?: \w+){0,2}[.!]*$|(?:odpowiadaj
    |pisz) (?:krótko|zwięźle|formalnie)|bądź (?:\w+ )?(?:zwięzły|zwięzła|szczery|szczera|krótki|bezpośredni|uprzejmy)
    |(?:nazywaj mnie|mów mi|zwracaj się do mnie)|(?:każda odpowiedź|wszystkie \w+|twoje odpowiedzi)\b.{0,30}\b(?:musi
    |muszą|powinn\w+)\b|używaj (?:jednostek|systemu|form)
    """,
    fact=r"""
    jestem (?:\w+ )?(?:wegetarian\w+|wegan\w+|uczulon\w+|cukrzyk\w*)|mam alergię|nie jem|mój budżet .{0,20}\d
    """,
)
RUSSIAN = Language(
    signs="""
    всегда никогда отныне впредь момента пор прежде перед если когда каждый каждом каждого каждой не без отвечай
    отвечайте пиши пишите используй используйте называй говори будь обязательно нельзя я мой мне обращайся только
    дальше после все у
    """,
    lead=r"пожалуйста|и|но|также|ещё|еще|ок|спасибо|привет|важно|правило|да|а",
    verb=r"""
    (?:отвеча|ответь|пиш|использу|говор|спрос|спрашива|покаж|показыва|скаж|называ|зов|обраща|дава|дай|указыва|укаж
    |добавля|добавь|избега|удаля|удал|меня|упомина|начина|заканчива|остав|провер|жд|подожд|объясня|перевод|цитиру
    |ограничь|подтверд|дела|будь|держ|предупре|сообща|не(?= )(?! (?:поздно|был|было|\w+л[аи]?)\b))[а-яё]*
    """,
    now=r"""
    с (?:этого момента|этих пор|сегодняшнего дня)|отныне|впредь|в дальнейшем|в будущем|до конца [^,.]{0,25}
    |теперь (?=отвеча|пиши|говори|всегда|не |только)
    """,
    ever=r"""
    всегда|никогда|исключительно|ни в коем случае|ни при каких обстоятельствах|обязательно|каждый раз|только
    """,
    scope=r"""
    прежде чем|перед (?:тем,? как|кажд\w+)|если (?:ты |вы )?(?:не|что-то|нужно|сомневаешься|я)|когда (?:ты|вы|я|пиш
    |цитир|отвеча)|каждый раз,? когда|после кажд\w+|в кажд\w+|для кажд\w+|при кажд\w+
    """,
    not_rule=r"я|мы|он|она|они|у меня|там|был\w*|\w+л[аи]?|это|так|всё",
    ban=r"""
    никому не \w+|(?:перед|после|при) \S+ всегда \w+|не (?:используй|пиши|упоминай|удаляй|меняй|изменяй|делись
    |отправляй|добавляй|делай|говори|трогай|начинай
    |выдумывай|повторяй|устанавливай|применяй|называй|давай|задавай|отвечай|спрашивай|раскрывай|сообщай)(?:те)?\b
    |без (?!проблем|сомнени|понятия|вопросов|паники|шуток|обид|него|неё|тебя|меня)[а-яё-]+(?:,? пожалуйста
    | в .{1,20})?[.!]*$|(?:нельзя|запрещено|запрещается)\b
    """,
    form=r"""
    (?:отвечай|отвечайте|пиши|пишите|говори|говорите|общайся)(?: мне| со мной| только)? (?:на|по|по-|в
    |с) ?[а-яё-]+(?: [а-яё]+){0,2}[.!]*$|(?:отвечай|пиши)(?:те)? (?:кратко|коротко|вежливо|подробно|формально)
    |будь(?:те)? (?:[а-яё]+ )?(?:краток|краткой|честн\w+|точн\w+|вежлив\w+|прям\w+)|(?:называй|зови
    |обращайся)(?:те)?(?:сь)? (?:меня|ко мне)|(?:каждый ответ|все (?:ответы|цены|даты)
    |твои ответы)\b.{0,30}\b(?:долж\w+|в|на)\b|(?:используй|указывай)(?:те)? (?:только |всегда )?(?:метрическ|единиц
    |систем|формат|евро|рубл)
    """,
    fact=r"""
    я (?:вегетариан\w+|веган\w*|диабетик)|у меня аллергия|я не (?:ем|пью) [а-яё]+[.!]*$|мой бюджет .{0,20}\d
    """,
)
LANGUAGES = (GERMAN, FRENCH, SPANISH, PORTUGUESE, ITALIAN, DUTCH, POLISH, RUSSIAN)
