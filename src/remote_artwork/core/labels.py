"""Labels: words in file names that do not change which print is meant.

The lists are short on purpose. Any other word may change what a file is for, so a name with another word gets no
suggestion. All patterns are for text that ``characters.fold`` returned.
"""

from __future__ import annotations

import re

_SEPARATOR = r"[\s_.,;:#()\[\]{}'\"|\u00b0\u00b7\u2022\u2010-\u2015\u2019\u2212-]"
_END = rf"(?={_SEPARATOR}|[0-9]|$)"
_NUMBER_WORD = rf"(?:{_SEPARATOR}*(?:no|nr|num|number|nummer|numero|número|numéro|n|id))?"
_ORDER_LABEL = (
    rf"(?:order|bestell(?:ung)?|bestelling|auftrags?|commande|pedido|encomenda|ordine|ordre|zamówienie|beställning)"
    rf"{_NUMBER_WORD}{_END}"
)
_ITEM_LABEL = (
    rf"(?:(?:line|order){_SEPARATOR}*item|item|line|pos(?:ition|ición|izione)?|posten|artikel|article|artículo|articolo"
    rf"|ligne|línea|linha|riga|zeile){_NUMBER_WORD}{_END}"
)
_FILE_LABEL = rf"(?:print(?:{_SEPARATOR}*(?:file|ready))?|artwork|druck(?:daten|datei)?|final|file|datei){_END}"
_COPY_OF = rf"(?:copy{_SEPARATOR}*of|kopie{_SEPARATOR}*von|copie{_SEPARATOR}*de|copia{_SEPARATOR}*d[ei]){_END}"
ONLY_ORDER_LABELS = re.compile(rf"(?:{_SEPARATOR}|{_ORDER_LABEL})*")
ONLY_LABELS = re.compile(rf"(?:{_SEPARATOR}|{_ORDER_LABEL}|{_ITEM_LABEL})*")
BEFORE_ORDER = re.compile(rf"(?:{_SEPARATOR}|{_ORDER_LABEL}|{_FILE_LABEL}|{_COPY_OF})*")
AFTER_ORDER = re.compile(rf"(?:{_SEPARATOR}|{_ITEM_LABEL}|{_FILE_LABEL})*")
BEFORE_ITEM = re.compile(rf"(?:{_SEPARATOR}|{_ITEM_LABEL}|{_COPY_OF})*")
ORDER_LABEL_AT_END = re.compile(
    rf"(?:(?<![^\W\d_])(?:(?:of|von|de|van){_SEPARATOR}+)?{_ORDER_LABEL}{_SEPARATOR}*|#\s*)$"
)
SEPARATORS = re.compile(rf"{_SEPARATOR}*")
BRACKETED = re.compile(r"[\s_.-]*(?:\([0-9]+\)|\[[0-9]+\])\s*")
LABEL_BEFORE_NUMBER = re.compile(rf"{_ORDER_LABEL}|{_ITEM_LABEL}|{_FILE_LABEL}|no|nr|n|num")
LABEL_AFTER_NUMBER = re.compile(rf"{_ITEM_LABEL}|{_FILE_LABEL}|v|rev|copy|kopie")
FILE_LABEL_AT_END = re.compile(rf"(?<![^\W\d_]){_FILE_LABEL}{_SEPARATOR}*$")
_COPY_WORD = r"(?:(?:copy|kopie|kopia|kopi|copie|copia|cópia)(?: [0-9]{1,3})?|(?:v|rev)[0-9]{1,3}|final)"
COPY_MARKS = re.compile(
    rf"(?:[ _.-]*[(\[](?:[0-9]{{1,3}}|{_COPY_WORD})[)\]]|(?:[ _.-]+|(?<=[0-9])){_COPY_WORD})+$", re.IGNORECASE
)
"""What people and programs add to the name of a copy or a version."""
