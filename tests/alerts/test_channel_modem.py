"""SMS over a modem: what leaves, what comes in, and what each of the modem's troubles becomes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from edge_balancer.alerts.channels.channel import Message, Outcome, Receipt, Received
from edge_balancer.alerts.channels.modem.channel import ModemChannel
from edge_balancer.settings.channels import ModemSettings
from edge_balancer.types.events import Severity
from tests.alerts.modem_double import Modem, delivered

ANNA = "+4915112345678"
SHORT = "The feeder is severely unbalanced: 312 A, limit 289 A."
LONG = "Voltage dangerously high on L1: 271.3 V at house-21, extreme limit 264.5 V. " * 3


def message(text: str = SHORT, to: str = ANNA, wants_ack: str = "", id_: str = "m-1") -> Message:
    return Message(id_, to, "Edge balancer", text, Severity.CRITICAL, ("severe_imbalance",), 1e9, wants_ack)


def channel(modem: Modem, pin: str = "", **keys: object) -> ModemChannel:
    settings = ModemSettings.model_validate(
        {"port": modem.path, "pin": SecretStr(pin), "register_s": 2.0, "send_s": 5.0, **keys}
    )
    return ModemChannel(settings, poll_s=0.01, inbox_every_s=0.0)


def test_an_sms_leaves_with_the_modem_s_reference_and_the_signal() -> None:
    with Modem() as modem:
        out = channel(modem)
        receipt = out.send(message())
        out.close()
    assert receipt == Receipt(Outcome.SENT, f"{ANNA}/41", "1 SMS, signal -73 dBm")
    assert [(sms.number, sms.coding, sms.header, sms.text) for sms in modem.sent] == [(ANNA, 0, b"", SHORT)]
    assert out.counts == {"sent": 1}


@pytest.mark.parametrize(
    "modem",
    [
        Modem(echo=False),
        Modem(noise=b"\r\n+CREG: 1\r\n^RSSI: 18\r\n"),
        Modem(noise=b"\r\n\xff\x00\x13 garbage\r\n"),
        Modem(noise=b'\r\nRING\r\n\r\n+CMTI: "SM",3\r\n'),
        Modem(registration=("0,2", "0,2", "2,0", "0,5")),
        Modem(escape_is_wrong=True),
        Modem(refused=frozenset({"AT+CSMS", "AT+CPMS", "AT+CNMI", "AT+CSQ", "AT+CMEE"})),
        Modem(submits=deque(["+CMS ERROR: 38", "ok"])),
    ],
    ids=["no echo", "codes between", "garbage", "rings", "slow network", "no escape", "knows little", "error first"],
)
def test_a_text_of_several_sms_arrives_whole_and_once(modem: Modem) -> None:
    with modem:
        out = channel(modem)
        receipts = [out.send(message(LONG))]
        if receipts[0].outcome is Outcome.RETRY:
            receipts.append(out.send(message(LONG)))
        out.close()
    assert receipts[-1].outcome is Outcome.SENT
    assert "".join(sms.text for sms in modem.sent) == LONG.strip()
    headers = [sms.header for sms in modem.sent]
    assert [tuple(header[4:]) for header in headers] == [(2, 1), (2, 2)]
    assert len({header[:4] for header in headers}) == 1, "the same reference joins the parts"


ERRORS: dict[str, tuple[Outcome, str, str]] = {
    "+CMS ERROR: 1": (Outcome.REFUSED, "cms_1", "correct the contact's number"),
    "+CMS ERROR: 28": (Outcome.REFUSED, "cms_28", "correct the contact's number"),
    "+CMS ERROR: 38": (Outcome.RETRY, "cms_38", "network is out of order"),
    "+CMS ERROR: 50": (Outcome.REFUSED, "cms_50", "operator"),
    "+CMS ERROR: 330": (Outcome.REFUSED, "cms_330", "channels.modem.service_centre"),
    "+CMS ERROR: 331": (Outcome.RETRY, "cms_331", "antenna"),
    "+CMS ERROR: 500": (Outcome.RETRY, "cms_500", "power"),
    "+CMS ERROR: 713": (Outcome.RETRY, "cms_713", "without explanation"),
    "+CME ERROR: 10": (Outcome.RETRY, "cme_10", "SIM card is seated"),
    "+CME ERROR: SIM busy": (Outcome.RETRY, "error", "SIM busy"),
    "ERROR": (Outcome.RETRY, "error", "power"),
}


@pytest.mark.parametrize("answer", ERRORS)
def test_an_error_says_whether_it_may_leave_later_and_what_to_do(answer: str) -> None:
    outcome, why, remedy = ERRORS[answer]
    with Modem(submits=deque([answer])) as modem:
        out = channel(modem)
        receipt = out.send(message())
        after = out.send(message(id_="m-2"))
        out.close()
    assert receipt.outcome is outcome
    assert remedy in receipt.detail
    assert out.counts == {why: 1, "sent": 1}
    assert after.outcome is Outcome.SENT, "an error harms no later message"


def test_a_number_that_is_none_never_reaches_the_modem(tmp_path: Path) -> None:
    out = ModemChannel(ModemSettings(port=str(tmp_path / "none")))
    receipt = out.send(message(to="anna"))
    assert receipt.outcome is Outcome.REFUSED
    assert "+4915112345678" in receipt.detail


def test_an_sms_that_left_is_not_sent_again_when_its_successor_failed() -> None:
    with Modem(submits=deque(["ok", "+CMS ERROR: 42"])) as modem:
        out = channel(modem)
        assert out.send(message(LONG)).outcome is Outcome.RETRY
        again = out.send(message(LONG))
        out.close()
    assert again == Receipt(Outcome.SENT, f"{ANNA}/41,42", "2 SMS, signal -73 dBm")
    assert "".join(sms.text for sms in modem.sent) == LONG.strip()


def test_a_confirmation_that_comes_too_late_counts_and_nothing_is_sent_twice() -> None:
    with Modem(submits=deque(["late"])) as modem:
        out = channel(modem, send_s=5.0)
        out._settings = out._settings.model_copy(update={"send_s": 0.05})
        first = out.send(message())
        second = out.send(message())
        out.close()
    assert first.outcome is Outcome.RETRY
    assert "may leave yet" in first.detail
    assert second == Receipt(Outcome.SENT, f"{ANNA}/41", "1 SMS, signal -73 dBm")
    assert len(modem.sent) == 1
    assert out.counts == {"unconfirmed": 1, "sent": 1}


def test_an_sms_that_was_never_confirmed_is_sent_again() -> None:
    with Modem(submits=deque(["silence"])) as modem:
        out = channel(modem)
        out._settings = out._settings.model_copy(update={"send_s": 0.05})
        assert out.send(message()).outcome is Outcome.RETRY
        out._settings = out._settings.model_copy(update={"send_s": 5.0})
        assert out.send(message()).outcome is Outcome.SENT
        out.close()
    assert len(modem.sent) == 1


# ---- the card and the network


def test_the_pin_is_given_where_the_card_asks_for_it() -> None:
    with Modem(pin="4711") as modem:
        out = channel(modem, "4711")
        assert out.send(message()).outcome is Outcome.SENT
        assert out.send(message(id_="m-2")).outcome is Outcome.SENT
        out.close()
    assert modem.commands.count('AT+CPIN="4711"') == 1


@pytest.mark.parametrize(
    ("modem", "pin", "why", "remedy"),
    [
        (Modem(pin="4711"), "", "pin_missing", "give channels.modem.pin"),
        (Modem(pin="4711"), "0815", "pin_refused", "correct channels.modem.pin"),
        (Modem(pin="4711", attempts=1), "0815", "pin_refused", "not risked"),
    ],
    ids=["none given", "a wrong one", "one attempt left"],
)
def test_a_wrong_pin_is_tried_once_at_most(modem: Modem, pin: str, why: str, remedy: str) -> None:
    before = modem.attempts
    with modem:
        out = channel(modem, pin)
        receipts = [out.send(message()) for _ in range(3)]
        out.close()
    assert {receipt.outcome for receipt in receipts} == {Outcome.REFUSED}
    assert remedy in receipts[0].detail
    assert out.counts == {why: 3}
    assert modem.attempts >= max(1, before - 1)
    assert all("0815" not in receipt.detail for receipt in receipts)


@pytest.mark.parametrize(("state", "why"), [("0,2", "no_network"), ("0,3", "registration_denied")])
def test_without_a_network_it_is_for_later(state: str, why: str) -> None:
    with Modem(registration=[state] * 10_000) as modem:
        out = channel(modem)
        out._session._register_s = 0.05
        receipt = out.send(message())
        out.close()
    assert receipt.outcome is Outcome.RETRY
    assert out.counts == {why: 1}
    assert modem.sent == []


# ---- the line


def test_a_modem_that_was_reset_is_made_ready_again() -> None:
    with Modem(pin="4711") as modem:
        out = channel(modem, "4711")
        assert out.send(message()).outcome is Outcome.SENT
        modem.reset()
        assert out.send(message(id_="m-2")).outcome is Outcome.SENT
        out.close()
    assert modem.commands.count("AT+CMGF=0") == 2


def test_a_modem_that_is_unplugged_is_for_later_and_serves_when_it_is_back() -> None:
    with Modem() as modem:
        out = channel(modem)
        assert out.send(message()).outcome is Outcome.SENT
        modem.unplug()
        receipt = out.send(message(id_="m-2"))
        assert receipt.outcome is Outcome.RETRY
        assert "plug" in receipt.detail
        gone = out.send(message(id_="m-2"))
        assert (gone.outcome, list(out.received()), out.look(f"{ANNA}/41")) == (Outcome.RETRY, [], None)
    with Modem() as modem:
        out._settings = out._settings.model_copy(update={"port": modem.path})
        assert out.send(message(id_="m-2")).outcome is Outcome.SENT
        out.close()
    assert [sms.text for sms in modem.sent] == [SHORT]


def test_a_modem_unplugged_in_the_middle_of_an_answer_ends_the_wait() -> None:
    with Modem(submits=deque(["silence"])) as modem:
        out = channel(modem, send_s=100.0)
        receipts: list[Receipt] = []
        worker = threading.Thread(target=lambda: receipts.append(out.send(message())))
        worker.start()
        modem.await_command("AT+CMGS=")
        modem.unplug()
        worker.join(30.0)
        out.close()
    assert [receipt.outcome for receipt in receipts] == [Outcome.RETRY]


def test_closing_ends_what_another_thread_waits_for() -> None:
    with Modem(submits=deque(["silence"])) as modem:
        out = channel(modem, send_s=100.0)
        receipts: list[Receipt] = []
        worker = threading.Thread(target=lambda: receipts.append(out.send(message())))
        worker.start()
        modem.await_command("AT+CMGS=")
        out.close()
        worker.join(30.0)
        assert [receipt.outcome for receipt in receipts] == [Outcome.RETRY]
        assert out.send(message()).detail == "the channel is closed"


def test_a_port_that_is_not_there_or_taken_is_told_with_the_remedy(tmp_path: Path) -> None:
    missing = ModemChannel(ModemSettings(port=str(tmp_path / "ttyUSB9")))
    receipt = missing.send(message())
    assert (receipt.outcome, "plug the modem in" in receipt.detail) == (Outcome.RETRY, True)
    with Modem() as modem:
        first, second = channel(modem), channel(modem)
        assert first.send(message()).outcome is Outcome.SENT
        assert "another program holds it" in second.send(message()).detail
        first.close()
        assert second.send(message()).outcome is Outcome.SENT
        second.close()


def test_a_line_that_answers_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_balancer.alerts.channels.modem.session._SYNCHRONISE_S", 0.1)
    with Modem(deaf=True) as modem:
        out = channel(modem)
        receipt = out.send(message())
        assert receipt.outcome is Outcome.RETRY
        assert "channels.modem.port" in receipt.detail
        modem.deaf = False
        monkeypatch.undo()
        assert out.send(message()).outcome is Outcome.SENT
        out.close()


def test_a_modem_that_never_asks_for_the_sms_is_for_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_balancer.alerts.channels.modem.channel._PROMPT_S", 0.05)
    with Modem(submits=deque(["no prompt"])) as modem:
        out = channel(modem)
        receipt = out.send(message())
        monkeypatch.undo()
        assert (receipt.outcome, "no answer to AT+CMGS" in receipt.detail) == (Outcome.RETRY, True)
        assert out.send(message()).outcome is Outcome.SENT
        out.close()
    assert len(modem.sent) == 1


def test_a_modem_stuck_waiting_for_an_sms_is_brought_back() -> None:
    with Modem() as modem:
        modem._mode = "pdu"
        out = channel(modem)
        assert out.send(message()).outcome is Outcome.SENT
        out.close()


# ---- reports and what comes in


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(0x00, Outcome.DELIVERED), (0x20, None), (0x45, Outcome.REFUSED), (0x46, Outcome.REFUSED), (0x63, Outcome.RETRY)],
)
def test_the_network_s_report_tells_what_became_of_it(status: int, outcome: Outcome | None) -> None:
    with Modem(report_status=status) as modem:
        out = channel(modem)
        reference = out.send(message(LONG)).reference
        # A command's answer comes behind the reports.
        out.received()
        found = out.look(reference)
        assert out.look(f"{ANNA}/7") is None
        out.close()
    assert all(sms.wants_report for sms in modem.sent)
    assert (found.outcome if found else None) is outcome
    assert out.find(message(), 0.0) is None


def test_without_reports_none_are_asked_for() -> None:
    with Modem() as modem:
        out = channel(modem, reports=False)
        reference = out.send(message()).reference
        assert out.look(reference) is None
        out.close()
    assert not modem.sent[0].wants_report


def until(out: ModemChannel, wanted: int) -> list[Received]:
    found: list[Received] = []
    for _ in range(200):
        found += out.received()
        if len(found) >= wanted:
            break
    return found


def test_an_answer_is_read_once_and_deleted_from_the_card() -> None:
    with Modem(memory={1: delivered(ANNA, "ACK 12"), 4: delivered("+4917612345678", "Thanks, on my way €")}) as modem:
        out = channel(modem)
        found = until(out, 2)
        assert [(sms.sender, sms.text) for sms in found] == [
            (ANNA, "ACK 12"),
            ("+4917612345678", "Thanks, on my way €"),
        ]
        assert found[0].at == 1795405500.0
        assert list(out.received()) == []
        out.close()
    assert modem.memory == {}


def test_an_sms_in_parts_is_read_when_all_have_come_whatever_their_order() -> None:
    with Modem(memory={2: delivered(ANNA, " 12", (7, 2, 2))}) as modem:
        out = channel(modem)
        assert list(out.received()) == []
        assert list(modem.memory) == [2], "what waits for the rest stays on the card, over a restart too"
        modem.memory[5] = delivered(ANNA, "ACK", (7, 2, 1))
        assert [sms.text for sms in until(out, 1)] == ["ACK 12"]
        out.close()
    assert modem.memory == {}


def test_an_sms_that_the_modem_hands_over_unasked_is_read_too() -> None:
    with Modem() as modem:
        out = channel(modem)
        assert out.send(message()).outcome is Outcome.SENT
        modem.say(f"+CMT: ,29\r\n{delivered(ANNA, 'ACK 3')}")
        assert [sms.text for sms in until(out, 1)] == ["ACK 3"]
        out.close()


def test_what_cannot_be_deleted_is_handed_out_once_and_what_cannot_be_read_is_deleted() -> None:
    with Modem(memory={1: delivered(ANNA, "ACK 1")}, keeps_on_delete=True) as modem:
        out = channel(modem)
        assert len(until(out, 1)) == 1
        assert list(out.received()) == []
        modem.keeps_on_delete = False
        modem.memory[2] = "00" + "FF" * 12
        assert list(out.received()) == []
        out.close()
    assert modem.memory == {}
    assert out.counts["unreadable"] == 1


def test_a_modem_that_fails_is_not_asked_for_answers_all_the_time(tmp_path: Path) -> None:
    now = [0.0]
    out = ModemChannel(ModemSettings(port=str(tmp_path / "none")), monotonic=lambda: now[0])
    for now[0] in (0.0, 5.0, 30.0, 59.0, 61.0):
        assert list(out.received()) == []
    assert out.counts == {"gone": 2}
    out.close()


def test_two_threads_share_the_line() -> None:
    with Modem(memory={k: delivered(ANNA, f"ACK {k}") for k in range(1, 6)}) as modem:
        out = channel(modem)
        receipts: list[Receipt] = []
        found: list[Received] = []
        work: list[Callable[[], object]] = [
            lambda: receipts.extend(out.send(message(id_=f"m-{k}")) for k in range(4)),
            lambda: found.extend(until(out, 5)),
        ]
        workers = [threading.Thread(target=each) for each in work]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(30.0)
        out.close()
    assert [receipt.outcome for receipt in receipts] == [Outcome.SENT] * 4
    assert sorted(sms.text for sms in found) == [f"ACK {k}" for k in range(1, 6)]


def test_how_to_answer_is_never_cut_off() -> None:
    with Modem() as modem:
        out = channel(modem, most_sms=1)
        out.send(message(LONG + "Reply ACK 12.", wants_ack="12"))
        out.close()
    (sms,) = modem.sent
    assert sms.text.endswith("... Reply ACK 12.")
    assert len(sms.text) <= 160
