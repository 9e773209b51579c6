from __future__ import annotations

import sys
import unicodedata
from xml.etree import ElementTree as ET

from sandtable.terminal_escapes import seen, seen_lines


def test_a_sign_that_cannot_be_seen_is_told_by_its_code() -> None:
    assert seen("a\x1b[31m\u202e\n\x00\uffff\ud800") == r"a\x1b[31m\u202e\n\x00\uffff\ud800"
    assert seen("Bücher 本 🙂 \N{NO-BREAK SPACE}$1") == "Bücher 本 🙂 \N{NO-BREAK SPACE}$1"


def test_a_text_keeps_its_lines() -> None:
    assert seen_lines("one\n\ttwo\x1b\r\n") == "one\n\ttwo\\x1b\r\n"


def test_neither_a_control_character_nor_half_a_sign_is_left_and_xml_takes_the_rest() -> None:
    every = "".join(map(chr, range(sys.maxunicode + 1)))
    assert {unicodedata.category(sign) for sign in seen(every)} & {"Cc", "Cs", "Zl", "Zp"} == set()
    shown = seen_lines(every).translate({ord(sign): None for sign in "<&"})
    assert ET.fromstring(f"<a>{shown}</a>").text == shown.replace("\r", "\n")
