"""Rules in Turkish, Arabic and Hindi, in lower case, from the beginning of a sentence."""

from __future__ import annotations

from memsvc.core.directives.strength import graded, joined, words

_TURKISH_DO = joined(
    r"""
    (?:ver|yaz|kullan|sor|söyle|ekle|konuş|yap|göster|bekle|belirt|bahset|paylaş|sil|değiştir|açıkla
    |başla|bitir|tut|cevapla|yanıtla|hitap et|ol|kontrol et|onay al|de)
    """
)
TURKISH = words(
    """
    cevapların cevaplar yanıtların mesajların her daima asla bundan şu hiçbir kullanma yazma silme önce emin bana
    kısa lütfen vejetaryenim veganım var bilmiyorsan kullanmayın paylaşma yapma
    """
)
"""A Turkish sentence with none of these lays down no rule."""
RULES = graded(
    standing=r"""
    (?:her zaman|daima|asla|bundan sonra|bundan böyle|şu andan itibaren|hiçbir zaman
        |her seferinde)\b.{0,80}\b<TURKISH_DO>(?:m[ae])?(?:y?[ıiuü]n(?:[ıiuü]z)?)?(?: lütfen)?[.!]*$
    (?:\S+ ){1,6}(?:kullanma|yazma|silme|paylaşma|değiştirme|ekleme|bahsetme|söyleme|yapma|dokunma
        |çağırma)(?:y[ıi]n(?:[ıi]z)?)?(?: lütfen)?[.!]*$
    (?:من الآن فصاعد|من الان فصاعد|ابتداء من الآن|منذ الآن|في المستقبل)\S*\s(?!أنا|سوف|سأ)
    (?:من فضلك |رجاء[ً]? )?لا (?:تستخدم|تكتب|تذكر|تحذف|تغير|تشارك|ترسل|تضف|تقل(?!ق)|تضع|تلمس|تبدأ|تكرر|تخترع|تعدل
        |تستعمل|تجب|ترد)\S*
    (?:من فضلك |رجاء[ً]? )?(?:أجب|اكتب|استخدم|تحدث|رد|اذكر|اسأل|أضف|تكلم|قل|ناد|أعط|اجعل|ابدأ|اختم)\S*.{0,60}(?:دائما
        |دائمًا|كل|فقط|في كل|أبدا)
    (?:دائما|دائمًا|أبدا)\s.{0,60}(?:أجب|اكتب|استخدم|تحدث|رد|اذكر|اسأل|أضف)
    (?:\S+ ){0,3}?(?:हमेशा|अब से|आगे से|आज से|हर बार|कभी भी|कभी)\s.{0,80}(?:दो|दें|देना|दीजिए|करो|करें|करना|कीजिए
        |लिखो|लिखें|लिखना|बोलो|बोलें|पूछो|पूछें|रखो|रखें|बताओ|बताएं|जोड़ो|जोड़ें)[।.! ]*$
    (?!चिंता|फ़िक्र|फिक्र|डर|परेशान).{2,80}\sमत\s(?:\S+ )?(?:करो|करें|करना|कीजिए|लिखो|लिखना|बताओ|बताना|दो|देना|हटाओ
        |भेजो|बदलो|जोड़ो)[।.! ]*$
    """,
    scoped=r"""
    (?:\S+ ){1,8}?\w*m[ae]d[ae]n önce\b.{0,60}\b(?:sor|göster|bekle|söyle|onay al|haber ver)\w*[.!]*$
    (?:emin değilsen|bilmiyorsan|her .{2,40}(?:da|de|ta|te|dığında|diğinde|ında|inde))\b.{0,60}\b<TURKISH_DO>[.!]*$
    (?:cevap|yanıt|mesaj)\w* .{0,30} olsun[.!]*$
    (?:bana \w+ (?:de|diye hitap et)|(?:kısa|öz|türkçe|ingilizce|almanca) (?:\w+ )?(?:yaz|cevap ver|yanıt ver|konuş
        |tut))(?: lütfen)?[.!]*$
    (?:قبل أن|قبل|كلما|عندما|إذا لم|بعد كل|في كل|إذا كنت غير)\s.{2,80}(?:،|,)\s?(?:ف)?(?:أجب|اكتب|استخدم|اسأل|أخبر
        |اعرض|قل|اذكر|أضف|انتظر)
    (?:أجب|اكتب|تحدث|رد|تكلم)\S*\s(?:\S+ )?(?:بال|باخت|بإيج|باللغة)\S+(?: \S+)?[.!]*$|كن (?:مختصر|موجز|صريح|مباشر)
    .{2,80}\sसे पहले\s.{0,60}(?:पूछो|पूछें|पूछना|पूछिए|दिखाओ|दिखाएं|बताओ|बताएं|रुको)[।.! ]*$
    (?:अगर|यदि|जब भी|जब)\s.{2,80}\sतो\s.{0,60}(?:दो|दें|बताओ|बताएं|कहो|कहें|पूछो|पूछें|करो|करें)[।.! ]*$
    (?:हिंदी|हिन्दी|अंग्रेज़ी|अंग्रेजी|उर्दू) में (?:ही )?(?:जवाब|उत्तर|लिख|बात|बोल)
    """,
    soft=r"""
    (?:ben )?(?:vejetaryen|vegan)[ıi]m|.{2,20} alerjim var
    (?:أنا نباتي|لدي حساسية|عندي حساسية)
    (?:मैं )?शाकाहारी (?:हूँ|हूं)|मुझे .{2,20} से एलर्जी
    """,
    names={"TURKISH_DO": _TURKISH_DO},
)
