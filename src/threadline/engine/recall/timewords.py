"""The words that say a time, as tables, and a text read by them: what `timeframe` builds on.

A word stands for one letter, in which the grammar of `timeframe` is written, and a number:

    M month 1..12      W weekday, Monday 0      S season by its first month   U a `Unit`
    D days from today  H part of a day          p part of a period            r which one: first 1 ... last -1
    n number           f in `FEW`               a one                         Q quarter of a year
    L last 0, past 1, last but one 2            T this   X next               A ago, after the number
    b before           P after                  s since                       g ago, before the number
    u until            > to                     F from                        N from now
    B between          & and, or                i in; j on, at, for           c at the time of
    e of               t the                    O the other day               h a part of today, z last night
    K at present       k a moment ago           w now, J just, if so meant    l as L, but says no time

And what is no word of the tables:

    # date, as its ordinal    m month of a year    y year    Y decade    d number up to 31    o the same, as 15th
    . end of a sentence       , comma              - dash    x a word that says something     _ anything else

Words of one language are not looked for in a text of another: *hier* is yesterday in French and here in German.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from enum import IntEnum
from typing import NamedTuple

from threadline.engine.terms import STOP_WORDS

Word = tuple[str, int]


def names(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


class Unit(IntEnum):
    """The units in which time is told."""

    MINUTE = 0
    HOUR = 1
    DAY = 2
    WEEK = 3
    FORTNIGHT = 4
    WEEKEND = 5
    MONTH = 6
    QUARTER = 7
    YEAR = 8


#: "A couple of", "a few" and "several": at least and at most.
FEW = ((2, 3), (2, 5), (3, 8))

#: Hours from midnight: morning, afternoon, evening, night.
HOURS = ((5, 12), (12, 18), (17, 24), (18, 30))

#: Sixths of a period: early, mid, late, the first and the second half.
PARTS = ((0, 2), (2, 4), (4, 6), (0, 3), (3, 6))

#: "Earlier this year" ends now, and "later this year" starts now: the parts after those of `PARTS`.
EARLIER, LATER = 5, 6


class Language(NamedTuple):
    """How one language says a time.

    Attributes:
        words: what a word says, or, joined by `_`, words in a row.
        longest: by its first word, how many words the longest phrase has.
        when: words that ask for a date where they open a question.
        telling: words that show a text to be in this language.
        day_first: whether 05/07/2023 lies in July.
    """

    words: Mapping[str, Word]
    longest: Mapping[str, int]
    when: frozenset[str]
    telling: frozenset[str]
    day_first: bool


# Without accents, as a text is read without them.
_TABLES = {
    "en": """
        M1 january jan | M2 february feb | M3 march mar | M4 april apr | M5 may | M6 june jun | M7 july jul
        M8 august aug | M9 september sep sept | M10 october oct | M11 november nov | M12 december dec
        W0 monday mon | W1 tuesday tue tues | W2 wednesday wed | W3 thursday thu thur thurs
        W4 friday fri | W5 saturday sat | W6 sunday sun
        S3 spring springtime | S6 summer summertime | S9 autumn fall | S12 winter wintertime
        U0 minute minutes min mins | U1 hour hours hr hrs | U2 day days | U3 week weeks | U4 fortnight fortnights
        U5 weekend weekends | U6 month months | U7 quarter quarters | U8 year years
        D0 today | D-1 yesterday | D1 tomorrow
        D-2 day_before_yesterday | D2 day_after_tomorrow
        H0 morning | H1 afternoon | H2 evening | H3 night | h3 tonight
        a1 a an | n1 one | n2 two | n3 three | n4 four | n5 five | n6 six | n7 seven | n8 eight | n9 nine | n10 ten
        n11 eleven | n12 twelve | n13 thirteen | n14 fourteen | n15 fifteen | n16 sixteen | n17 seventeen
        n18 eighteen | n19 nineteen | n20 twenty | n30 thirty | n40 forty | n50 fifty | n60 sixty | n90 ninety
        f0 couple | f1 few | f2 several
        r1 first | r2 second | r3 third | r4 fourth | r5 fifth
        Q1 q1 | Q2 q2 | Q3 q3 | Q4 q4
        L0 last previous | L1 past | T0 this | X0 next coming upcoming
        A0 ago back | N0 from_now from_today hence
        p0 early beginning start | p1 mid middle | p2 late end | p3 first_half | p4 second_half | p5 earlier | p6 later
        b0 before prior_to | P0 after following | s0 since | u0 until till
        >0 to through thru | F0 from | B0 between | &0 and or
        i0 in | j0 on at by over within for throughout across around about
        c0 during around_the_time_of around_the_time at_the_time_of
        e0 of | t0 the | O0 the_other_day
        K0 currently current presently nowadays latest newest recent recently lately still anymore any_more
        K0 most_recent most_recently these_days at_the_moment at_present as_of_now as_of_today up_to_date
        k0 just_now a_moment_ago moments_ago a_minute_ago last_time last_session last_conversation
        k0 previous_session previous_conversation
        w0 now right_now | J0 just
        x0 the_last_time one_last_time for_now now_that until_now till_now by_now from_now_on just_in_case not_just
    """,
    "de": """
        M1 januar janner | M2 februar | M3 marz | M4 april | M5 mai | M6 juni | M7 juli | M8 august
        M9 september | M10 oktober | M11 november | M12 dezember
        W0 montag | W1 dienstag | W2 mittwoch | W3 donnerstag | W4 freitag | W5 samstag sonnabend | W6 sonntag
        S3 fruhling fruhjahr | S6 sommer | S9 herbst | S12 winter
        U0 minute minuten | U1 stunde stunden | U2 tag tage tagen tages | U3 woche wochen
        U5 wochenende wochenenden | U6 monat monate monaten monats | U7 quartal | U8 jahr jahre jahren jahres
        D0 heute | D-1 gestern | D1 morgen | D-2 vorgestern | D2 ubermorgen
        H0 morgens fruh | H1 nachmittag | H2 abend | H3 nacht
        a1 ein eine einem einen einer eines | n2 zwei | n3 drei | n4 vier | n5 funf | n6 sechs | n7 sieben
        n8 acht | n9 neun | n10 zehn | n12 zwolf | n20 zwanzig | n30 dreissig | f1 paar | f2 einigen einige mehreren
        L0 letzte letzten letzter letztes letztem vorige vorigen voriges vergangene vergangenen vergangenes
        L2 vorletzte vorletzten vorletzter vorletztes
        T0 diese diesen diesem dieser dieses | X0 nachste nachsten nachster nachstes kommende kommenden
        g0 vor | p0 anfang | p1 mitte | p2 ende
        s0 seit | u0 bis | P0 nach | B0 zwischen | &0 und oder | F0 von | i0 in im | j0 am an
        c0 wahrend | t0 der die das den dem des | O0 neulich | h0 heute_morgen
        K0 jetzt aktuell aktuelle aktueller aktuelles aktuellen derzeit momentan zurzeit neueste neuesten
        k0 letztes_mal gerade_eben vorhin
    """,
    "fr": """
        M1 janvier | M2 fevrier | M3 mars | M4 avril d'avril | M5 mai | M6 juin | M7 juillet | M8 aout d'aout
        M9 septembre | M10 octobre d'octobre | M11 novembre | M12 decembre
        W0 lundi | W1 mardi | W2 mercredi | W3 jeudi | W4 vendredi | W5 samedi | W6 dimanche
        S3 printemps | S6 l'ete cet_ete | S9 automne l'automne | S12 hiver l'hiver
        U0 minute minutes | U1 heure heures | U2 jour jours | U3 semaine semaines | U5 week-end
        U6 mois | U7 trimestre | U8 an ans l'an annee annees l'annee
        D0 aujourd'hui | D-1 hier | D1 demain | D-2 avant-hier | D2 apres-demain
        H0 matin | H1 apres-midi | H2 soir | H3 nuit
        a1 un une | n2 deux | n3 trois | n4 quatre | n5 cinq | n6 six | n7 sept | n8 huit | n10 dix | f1 quelques
        L0 dernier derniere derniers dernieres passe passee | T0 ce cet cette | X0 prochain prochaine prochains
        g0 il_y_a | p0 debut | p1 mi | p2 fin | s0 depuis | u0 jusqu'en jusqu'a | b0 avant | P0 apres
        B0 entre | &0 et ou | i0 en dans au | c0 pendant | e0 de du | t0 le la les | O0 l'autre_jour
        K0 maintenant actuel actuelle actuellement recemment en_ce_moment | k0 tout_a_l'heure derniere_fois
    """,
    "es": """
        M1 enero | M2 febrero | M3 marzo | M4 abril | M5 mayo | M6 junio | M7 julio | M8 agosto
        M9 septiembre setiembre | M10 octubre | M11 noviembre | M12 diciembre
        W0 lunes | W1 martes | W2 miercoles | W3 jueves | W4 viernes | W5 sabado | W6 domingo
        S3 primavera | S6 verano | S9 otono | S12 invierno
        U0 minuto minutos | U1 hora horas | U2 dia dias | U3 semana semanas | U5 fin_de_semana
        U6 mes meses | U7 trimestre | U8 ano anos
        D0 hoy | D-1 ayer | D-2 anteayer antier | D1 manana | h3 esta_noche | z0 anoche
        a1 un una | n2 dos | n3 tres | n4 cuatro | n5 cinco | n6 seis | n7 siete | n8 ocho | n10 diez
        f1 unos unas algunos algunas pocos pocas
        L0 pasado pasada pasados pasadas ultimo ultima ultimos ultimas | L2 antepasado antepasada | T0 este esta
        X0 proximo proxima proximos proximas viene
        g0 hace | p0 principios comienzos | p1 mediados | p2 finales | s0 desde | u0 hasta | b0 antes | P0 despues
        B0 entre | &0 y o | i0 en | c0 durante | e0 de del que | t0 el la los las | O0 el_otro_dia
        K0 ahora actual actualmente recientemente reciente | k0 ultima_vez hace_un_momento
    """,
    "it": """
        M1 gennaio | M2 febbraio | M3 marzo | M4 aprile | M5 maggio | M6 giugno | M7 luglio | M8 agosto
        M9 settembre | M10 ottobre | M11 novembre | M12 dicembre
        W0 lunedi | W1 martedi | W2 mercoledi | W3 giovedi | W4 venerdi | W5 sabato | W6 domenica
        S3 primavera | S6 estate l'estate | S9 autunno l'autunno | S12 inverno l'inverno
        U0 minuto minuti | U1 ora ore | U2 giorno giorni | U3 settimana settimane
        U5 fine_settimana weekend | U6 mese mesi | U7 trimestre | U8 anno anni l'anno
        D0 oggi | D-1 ieri | D-2 l'altro_ieri altroieri | D1 domani | D2 dopodomani | h3 stasera stanotte
        a1 un una | n2 due | n3 tre | n4 quattro | n5 cinque | n6 sei | n7 sette | n8 otto | n10 dieci
        f1 alcuni alcune
        L0 scorso scorsa scorsi scorse passato passata ultimi ultime nell'ultima nell'ultimo | T0 questo questa
        X0 prossimo prossima prossimi prossime
        A0 fa | p0 inizio | p1 meta | p2 fine | s0 da dal | u0 fino_a | b0 prima | P0 dopo
        B0 tra fra | &0 e o | i0 in a nel negli nelle | c0 durante | e0 di del della | t0 il la lo le i gli
        K0 adesso attuale attualmente recentemente | k0 ultima_volta poco_fa
    """,
    "pt": """
        M1 janeiro | M2 fevereiro | M3 marco | M4 abril | M5 maio | M6 junho | M7 julho | M8 agosto
        M9 setembro | M10 outubro | M11 novembro | M12 dezembro
        W0 segunda-feira | W1 terca-feira | W2 quarta-feira | W3 quinta-feira | W4 sexta-feira | W5 sabado | W6 domingo
        S3 primavera | S6 verao | S9 outono | S12 inverno
        U0 minuto minutos | U1 hora horas | U2 dia dias | U3 semana semanas | U5 fim_de_semana
        U6 mes meses | U7 trimestre | U8 ano anos
        D0 hoje | D-1 ontem | D-2 anteontem | D1 amanha
        a1 um uma | n2 dois duas | n3 tres | n4 quatro | n5 cinco | n6 seis | n7 sete | n8 oito | n10 dez
        f1 alguns algumas poucos
        L0 passado passada ultimo ultima ultimos ultimas | T0 este esta neste nesta | X0 proximo proxima proximos vem
        g0 ha faz | A0 atras | p0 inicio | p1 meados | p2 final fim | s0 desde | u0 ate | b0 antes | P0 depois apos
        B0 entre | &0 e ou | i0 em no na nos nas | c0 durante | e0 de do da que | t0 o os as
        K0 agora atual atualmente recentemente | k0 ultima_vez
    """,
    "nl": """
        M1 januari | M2 februari | M3 maart | M4 april | M5 mei | M6 juni | M7 juli | M8 augustus
        M9 september | M10 oktober | M11 november | M12 december
        W0 maandag | W1 dinsdag | W2 woensdag | W3 donderdag | W4 vrijdag | W5 zaterdag | W6 zondag
        S3 lente voorjaar | S6 zomer | S9 herfst | S12 winter
        U0 minuut minuten | U1 uur uren | U2 dag dagen | U3 week weken | U5 weekend | U6 maand maanden
        U7 kwartaal | U8 jaar jaren
        D0 vandaag | D-1 gisteren | D-2 eergisteren | D1 morgen | D2 overmorgen | h3 vanavond vannacht
        H0 ochtend | H1 middag | H2 avond | H3 nacht
        a1 een | n2 twee | n3 drie | n4 vier | n5 vijf | n6 zes | n7 zeven | n8 acht | n10 tien | f0 paar | f2 enkele
        L0 vorige afgelopen laatste | L2 eervorige voorvorige | T0 deze dit | X0 volgende komende
        A0 geleden | p0 begin | p1 midden half | p2 eind einde | s0 sinds | u0 tot | b0 voor | P0 na
        B0 tussen | &0 en of | F0 van | i0 in | j0 op | c0 tijdens | t0 de het | O0 onlangs
        K0 nu huidige momenteel nieuwste | k0 zojuist vorige_keer
    """,
}

#: The languages, the likeliest first.
CODES = tuple(_TABLES)

# Words that ask for a date where they open a question; words that show the language.
_ASKING = {
    "en": ("when", ""),
    "de": (
        "wann",
        "was wo wer wie warum ich wir du er sie ist war hat habe haben hatte nicht mein meine uber mit zu gesagt",
    ),
    "fr": (
        "quand",
        "je j'ai tu nous vous est quel quelle qu'est qui quoi ou comment pourquoi mon ma mes avec pour ai dit que",
    ),
    "es": ("cuando", "yo que quien donde como por mi mis con para fue es he ha dije hice cual cuales se lo nos fui"),
    "it": ("quando", "io che cosa chi dove come perche mio mia miei con per ho ha abbiamo detto sono quale quali ci"),
    "pt": ("quando", "eu que quem onde como meu minha com para foi fiz disse qual quais nao voce eu nos fui falei"),
    "nl": (
        "wanneer",
        "wat wie waar hoe waarom ik wij je hij zij mijn met heb heeft had niet gezegd hebben we deed ging",
    ),
}


def _read(table: str) -> dict[str, Word]:
    words: dict[str, Word] = {}
    for line in table.replace("|", "\n").splitlines():
        kind, *same = line.split() or ("",)
        words.update((word.replace("-", "_-_"), (kind[0], int(kind[1:]))) for word in same)
    return words


def _longest(words: Iterable[str]) -> dict[str, int]:
    longest: dict[str, int] = {}
    for word in words:
        first, *rest = word.split("_")
        if rest:
            longest[first] = max(longest.get(first, 0), 1 + len(rest))
    return longest


@functools.cache
def language(code: str) -> Language:
    """The tables of one of `CODES`, read when they are first needed."""
    words = _read(_TABLES[code])
    when, telling = (names(row) for row in _ASKING[code])
    telling |= words.keys() | (STOP_WORDS if code == "en" else when)
    return Language(words, _longest(words), when, telling, code != "en")


# Words of English that are words of other languages, too, and show neither.
_SHARED = names("a am an as do had he in is me no of on over so was we")


def spoken(words: Collection[str]) -> Language:
    """The language of a text: English unless words tell of another. For most texts the others are not even read."""
    different = set(words) - _SHARED
    english = language("en")
    if 2 * len(different & english.telling) > len(different) or not different:
        return english
    told = {code: len(different & language(code).telling) for code in CODES}
    code = max(told, key=lambda code: told[code])
    return language(code) if told[code] >= 2 or 2 * told[code] >= len(different) else english


class Token(NamedTuple):
    """A word of a text, and what it says."""

    symbol: str
    value: int
    word: str
    start: int
    end: int


# English words that are months, seasons or weekdays, and something else besides.
_DOUBTFUL = {
    **dict.fromkeys(names("may march april june august jan feb mar apr jun jul aug sep sept oct nov dec"), "m"),
    **dict.fromkeys(names("mon tue wed thu fri sat sun"), "w"),
    **dict.fromkeys(names("spring fall"), "s"),
}
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?|september|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)"
)

# What the two words before and the two after say of a doubtful one: the first that fits decides, none says no. It
# stands between them as <m>, <w> or <s>, in capitals if it is written with one.
_EVIDENCE = (
    (r"> (?:, |of )?(?:\d{1,2}(?:st|nd|rd|th)?|(?:19|20)\d\d)(?: |$)", True),  # "May 7", "fall of 2022"
    (r"(?:last|this|next|past|(?:in|since|during) the) <[sS]>", True),
    (r"\b(?:on|last|next|since) <W>", True),
    (r"<[sSwW]>", False),
    (r"\b(?:in|since|during) <[mM]>", True),
    (r"> (?:be|have|not|i|you|we|he|she|it|they|also|as|well|is|was|were|on|against) ", False),
    (r"\b(?:until|till|early|mid|mid -|late|last|next|past|\d{1,2}(?:st|nd|rd|th)?) <[mM]>", True),
    (r"\b(?:\d{1,2}(?:st|nd|rd|th)|end|start|beginning|middle|half|week|weekend|days?) of <[mM]>", True),
    (r"\b(?:before|after|this) <M>", True),
    (
        rf"\b{_MONTH} (?:and|or|to|through|-|\u2013) <[mM]>|<[mM]> (?:and|or|to|through|-|\u2013) {_MONTH}(?: |$)",
        True,
    ),
    (r"\b(?:the|my|our|your|his|her|their) <M> [a-z]", True),
)
# "Every Monday" is no date, and "Black Friday" none that a weekday tells.
_HABIT = names("every each black good cyber focus most any some")
# "In 2000 words" is no year.
_COUNTED = names(
    """
    words tokens characters chars lines rows bytes files items people users customers steps calories kcal meters metres
    miles km kg ml mg usd eur ngn dollars euros pounds yen naira points pixels px ms watts percent requests records
    """
)

# Each alternative takes all it can and no later one is tried within it, so that the time is linear.
_TOKEN = re.compile(
    r"""
    (?P<iso>\d{4}([-/.])\d{1,2}\2\d{1,2}(?!\d)) | (?P<month>\d{4}-\d{2}(?![\d-]))
    | (?P<numeric>\d{1,2}(?:/\d{1,2}/(?:\d{4}|\d{2})|([.-])\d{1,2}\5\d{4})(?!\d))
    | (?P<figures>\d+(?:[.,:/]\d+)+) | (?P<ordinal>\d{1,2}(?:st|nd|rd|th|er|\u00ba|\u00aa)(?!\w))
    | (?P<decade>\d{3}0s(?!\w)) | (?P<number>\d+(?!\w)) | (?P<word>[^\W\d]\w*(?:['\u2019]\w+)*) | (?P<junk>\w+)
    | (?P<mark>[^\w\s]|\n)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_MARKS = {".": ".", "!": ".", "?": ".", "\n": ".", ",": ",", "-": "-", "\u2013": "-", "\u2014": "-"}


class _Reader:
    """Reads one text."""

    def __init__(self, text: str, latest_year: int) -> None:
        self._text = text
        self._latest_year = latest_year
        self._found = [(match.lastgroup or "", _plain(match[0]), match.span()) for match in _TOKEN.finditer(text)]
        self._words = [word for _, word, _ in self._found]
        self._tongue = spoken([word for kind, word, _ in self._found if kind == "word"])

    def read(self) -> Reading:
        """Its words, and its language."""
        tokens: list[Token] = []
        place = 0
        while place < len(self._found):
            kind, word, (start, _) = self._found[place]
            if kind == "word":
                (symbol, value), length = self._look_up(place)
            else:
                (symbol, value), length = self._figure(kind, word, place), 1
            tokens.append(Token(symbol, value, word, start, self._found[place + length - 1][2][1]))
            place += length
        return Reading(tokens, self._tongue)

    def _look_up(self, place: int) -> tuple[Word, int]:
        """What the longest phrase that starts here says, and how many words it has."""
        word = self._words[place]
        for length in range(self._tongue.longest.get(word, 1), 1, -1):
            phrase = self._words[place : place + length]
            if len(phrase) == length and (said := self._tongue.words.get("_".join(phrase))):
                return said, length
        said = self._tongue.words.get(word)
        if said and self._is_meant(word, place):
            return said, 1
        return ("_" if word in self._tongue.telling and not said else "x", 0), 1

    def _is_meant(self, word: str, place: int) -> bool:
        """Whether a word of the tables says a time here."""
        if self._tongue.day_first:
            return True
        if word not in _DOUBTFUL:
            return self._word(place - 1) not in _HABIT
        kind = _DOUBTFUL[word]
        if self._text[self._found[place][2][0]].isupper():
            kind = kind.upper()
        before, after = (
            f"{self._word(place - 2)} {self._word(place - 1)}",
            f"{self._word(place + 1)} {self._word(place + 2)}",
        )
        context = f"{before} <{kind}> {after}"
        return next((meant for pattern, meant in _EVIDENCE if re.search(pattern, context)), False)

    def _word(self, place: int) -> str:
        return self._words[place] if 0 <= place < len(self._words) else ""

    def _figure(self, kind: str, word: str, place: int) -> Word:
        """What figures and marks say."""
        if kind == "mark":
            return _MARKS.get(word, "_"), 0
        if kind == "number":
            counted = self._word(place + 1) in _COUNTED
            return _number(word, 0 if counted else self._latest_year)
        if kind in {"ordinal", "decade"}:
            value = int(word.rstrip(_LETTERS))
            return ("Y" if kind == "decade" else "o" if 1 <= value <= 31 else "_"), value
        if kind in {"iso", "numeric"}:
            return _date(word, self._tongue.day_first)
        if kind == "month":
            year, month = int(word[:4]), int(word[5:])
            return ("m", year * 12 + month - 1) if 1 <= month <= 12 and year > 0 else ("_", 0)
        return "_", 0


class Reading(NamedTuple):
    """A text, read: its tokens, and the tables of its language."""

    tokens: list[Token]
    tongue: Language


def read(text: str, latest_year: int) -> Reading:
    """The words of a text, and its language. A year after the latest one is taken for a number."""
    return _Reader(text, latest_year).read()


_LETTERS = "abcdefghijklmnopqrstuvwxyz\u00ba\u00aa"


def _plain(word: str) -> str:
    """A word in small letters, without accents, with a plain apostrophe and without the possessive."""
    word = word.lower()
    if not word.isascii():
        parts = unicodedata.normalize("NFKD", word.replace("\u2019", "'"))
        word = "".join(part for part in parts if not unicodedata.combining(part))
    return word.removesuffix("'s")


def _number(word: str, latest_year: int) -> Word:
    value = int(word) if len(word) <= 4 else 0
    if len(word) == 4 and 1900 <= value <= latest_year:
        return "y", value
    if 1 <= value <= 31 and len(word) <= 2:
        return "d", value
    return ("n", value) if 1 <= value <= 999 else ("_", 0)


def _date(word: str, day_first: bool) -> Word:
    """A date in figures. 05/07/2023 is the 7th of May in English and the 5th of July elsewhere; 13/07 is clear."""
    first, second, third = (int(figure) for figure in re.split(r"\D", word))
    if first > 31:
        year, month, day = first, second, third
    else:
        year = third + 2000 if third < 100 else third
        day_first = second <= 12 and (day_first or first > 12 or "." in word)
        day, month = (first, second) if day_first else (second, first)
    try:
        return "#", date(year, month, day).toordinal()
    except ValueError:
        return "_", 0
