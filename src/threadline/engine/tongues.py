"""Which language a text in Latin script is in, told by the words that say how its sentences are built."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable

# Without accents, as `threadline.engine.terms` reads words. The names are those of Snowball's stemmers.
_FUNCTION_WORDS = {
    "english": """
        a about am an and are as at be been but by can did do does for from had has have he her his how i if in is it
        its me my no not of on or our she so than that the their them then there they this to up us was we were what
        when where which who why will with would you your
    """,
    "german": """
        aber als am an auch auf aus bei bin bis das dass dem den der des die durch ein eine einem einen einer er es
        fur gegen haben hast hat hatte ich ihr im in ist ja kein keine man mein meine meinem meinen meiner mich mir mit
        nach nicht noch nur oder schon sehr seit sich sie sind uber um und uns unser unsere unseren von vor wann war
        waren warum was wegen welche welcher welches wem wen wenn wer wie wir wird wo woher wohin wurde zu zum zur
    """,
    "french": """
        ai as au aux avec avons ce ces cette comme d dans de depuis des du elle en est et etait eu il ils j je l la le
        les leur lui m ma mais me mes mon n ne nos notre nous on ont ou par pas pendant plus pour pourquoi qu quand que
        quel quelle quelles quels qui quoi s sa se ses son sont suis sur ta tes ton tous tu un une vos votre vous y
    """,
    "spanish": """
        a al algo como con cual cuales cuando cuanto de del desde donde e el ella ellos en era es esta estaba estan
        este esto estoy fue ha han hasta hay la las le les lo los me mi mis muy nada no nos nuestra nuestras nuestro
        nuestros o para pero por porque que quien se ser si sin sobre son soy su sus te todos tu tus un una y ya yo
    """,
    "italian": """
        a ai al alla anche che chi ci come con cosa da dal dalla dei del della delle di dove e ed era gli ha hai hanno
        ho i il in io la le lo ma mi mia mie miei mio nel nella noi non nostra nostro o per perche piu quale quali
        quando quanto questa questo se si sono su sua suo tra tu tutti un una uno
    """,
    "portuguese": """
        a ao aos as com como da das de do dos e ela ele em era essa esse esta este eu foi ha isso la mais mas me meu
        meus minha minhas muito na nao nas no nos nossa nosso o onde os ou para pela pelo por porque qual quais quando
        que quem se sem ser seu sobre sua tem um uma voce
    """,
    "dutch": """
        aan al als bij dat de der deze die dit door een en er had heb hebben heeft het hij hoe ik in is je kan maar me
        met mijn naar niet nog of om onze ons ook op over te toen uit van veel voor waar waarom wanneer waren was wat
        we welk welke werd wie wij wordt ze zich zijn zo
    """,
}

_TONGUES: dict[str, list[str]] = {}
for _tongue, _words in _FUNCTION_WORDS.items():
    for _word in _words.split():
        _TONGUES.setdefault(_word, []).append(_tongue)

# One such word may be a name, or be there by chance.
_LEAST = 2


def tongue(words: Iterable[str]) -> str:
    """The language with the most function words among words; `english` where none has more than it has.

    Two that have as many are told apart by nothing: then it is English as well.
    """
    counts = Counter(itertools.chain.from_iterable(filter(None, map(_TONGUES.get, words))))
    most = max(counts.values(), default=0)
    leading = [language for language, count in counts.items() if count == most]
    return leading[0] if most >= _LEAST and len(leading) == 1 else "english"


def is_function_word(word: str, language: str) -> bool:
    """Whether a word says how a sentence of a language is built, and not what it is about."""
    return language in _TONGUES.get(word, ())
