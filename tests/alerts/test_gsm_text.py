"""What fits an SMS, and how a text is made to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_balancer.alerts.channels import gsm_text

IMBALANCE = (
    "The feeder is severely unbalanced: 312 A in the transformer's neutral, limit 289 A. In auto mode the controller "
    "is moving houses as far as dwell times and daily limits allow. If this lasts, check that the mode is auto."
)

HEAD = IMBALANCE.partition(" is moving")[0]


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("", [0]),
        ("a" * 160, [160]),
        ("a" * 161, [153, 8]),
        ("a" * 306, [153, 153]),
        ("a" * 307, [153, 153, 1]),
        ("€" * 80, [80]),
        ("€" * 81, [76, 5]),
        ("a" * 152 + "€" + "b" * 20, [152, 21]),
        ("Ж" * 70, [70]),
        ("Ж" * 71, [67, 4]),
        ("😀" * 35, [35]),
        ("😀" * 36, [33, 3]),
    ],
)
def test_a_text_is_split_as_phones_join_it(text: str, lengths: list[int]) -> None:
    parts = gsm_text.parts(text)
    assert [len(part) for part in parts] == lengths
    assert "".join(parts) == text
    assert gsm_text.count(text) == len(lengths)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Über 253 V \u2013 „zu hoch“ …", 'Über 253 V - "zu hoch" ...'),
        ("café, façade, Łódź", "café, facade, Łódź"),
        ("Přípojka č. 7", "Pripojka c. 7"),
        ("21\u00a0°C ± 2 µA ≥ 5", "21  degC +/- 2 uA >= 5"),
        ("Фазы \u2013 40 %", "Фазы \u2013 40 %"),
        ("[a] {b} ~ | \\ ^ €", "[a] {b} ~ | \\ ^ €"),
    ],
)
def test_typography_and_accents_do_not_cost_half_the_room(text: str, shown: str) -> None:
    assert gsm_text.plain(text) == (text if "Ł" in text else shown)


@pytest.mark.parametrize(
    ("text", "most", "ending", "shown"),
    [
        ("Short.", 1, "", "Short."),
        ("Short.", 1, " Reply ACK 3. ", "Short. Reply ACK 3."),
        ("Two  blanks\nand a line.", 1, "", "Two blanks and a line."),
        (IMBALANCE, 2, "", IMBALANCE),
        (
            IMBALANCE,
            1,
            "",
            f"{HEAD} is moving houses as far as dwell times and...",
        ),
        (
            IMBALANCE,
            1,
            "Reply ACK 12.",
            f"{HEAD} is moving houses as far as... Reply ACK 12.",
        ),
        ("x" * 200, 1, "", "x" * 157 + "..."),
        ("Ж" * 100, 1, "Reply ACK 1.", "Ж" * 54 + "... Reply ACK 1."),
    ],
)
def test_a_long_text_is_shortened_from_its_end_by_whole_words(text: str, most: int, ending: str, shown: str) -> None:
    assert gsm_text.fit(text, most, ending) == shown


@pytest.mark.parametrize(
    ("text", "answer", "end"),
    [
        (IMBALANCE + " Reply ACK 12.", "12", "... Reply ACK 12."),
        (IMBALANCE + " Antworten Sie ACK 12", "12", "... Antworten Sie ACK 12"),
        (IMBALANCE + " Reply ACK 12.", "1", "times and..."),
        (IMBALANCE, "12", "times and..."),
        (IMBALANCE, "", "times and..."),
    ],
)
def test_the_sentence_on_how_to_answer_stays_whole(text: str, answer: str, end: str) -> None:
    shown = gsm_text.fit_answerable(text, 1, answer)
    assert shown.endswith(end)
    assert len(shown) <= 160


@given(st.text(max_size=500), st.integers(1, 3), st.sampled_from(["", "Reply ACK 12."]))
def test_whatever_the_text_it_fits_and_no_number_in_it_is_cut(text: str, most: int, ending: str) -> None:
    shown = gsm_text.fit(text, most, ending)
    assert gsm_text.count(shown) <= most
    assert shown.endswith(ending)
    assert gsm_text.fit(shown, most) == " ".join(shown.split()), "what fits is left alone"


@given(st.lists(st.integers(0, 99_999).map(lambda n: f"{n} V"), min_size=30, max_size=80))
def test_a_number_is_whole_or_gone(values: list[str]) -> None:
    shown = gsm_text.fit(" ".join(values), 1).removesuffix("...").split()
    assert shown == " ".join(values).split()[: len(shown)]


@given(st.text())
def test_parts_are_the_text_and_each_fits(text: str) -> None:
    parts = gsm_text.parts(text)
    assert "".join(parts) == text
    if len(parts) > 1:
        gsm = gsm_text.is_gsm(text)
        assert all((gsm_text.septets(p) <= 153) if gsm else (gsm_text.units(p) <= 67) for p in parts)
