"""The sentences in English. To translate: copy the file, change what stands right of the colons, and leave the names in
braces as they are (with their number of decimals, after the colon, if the language wants others).

Each alert says what happened, where, the value and its limit; what the system does about it; what a person should do.
The first sentence stands by itself: it is all that fits into a text message. Letters outside of the GSM alphabet make
such a message cost twice as much, so there are none.
"""

from __future__ import annotations

from typing import Final

_ALERTS: Final = {
    "severe_imbalance": (
        "The feeder is severely unbalanced: {neutral_a:.0f} A in the transformer's neutral, limit {limit_a:.0f} A. "
        "In auto mode the controller is moving houses as far as dwell times and daily limits allow. If this lasts, "
        "check that the mode is auto and which switches are locked out, and consider a new fixed assignment of "
        "houses to phases."
    ),
    "neutral_overload": (
        "The transformer's neutral is overloaded: {neutral_a:.0f} A, and it bears {bears_a:.0f} A. In auto mode the "
        "controller is moving houses as far as dwell times and daily limits allow. Reduce load or generation on the "
        "fullest phase, and have the neutral's connections checked: an interrupted neutral puts up to 400 V on "
        "houses."
    ),
    "voltage_unbalance": (
        "The voltage unbalance factor V2/V1 at the transformer was {vuf_pct:.1f} % over ten minutes, limit "
        "{limit_pct:.1f} %. Moving houses lessens the part that comes from this feeder. Three-phase motors should "
        "be watched for heat; if it stays with a balanced feeder, it comes from the medium voltage: tell the "
        "network operator."
    ),
    "voltage_high": (
        "Voltage too high on {phase}: {mean_v:.1f} V at {house} over ten minutes, limit {limit_v:.1f} V. In auto "
        "mode the controller moves exporting houses to other phases. If it comes back daily, lower the "
        "transformer's tap or limit the inverters' export there."
    ),
    "voltage_low": (
        "Voltage too low on {phase}: {mean_v:.1f} V at {house} over ten minutes, limit {limit_v:.1f} V. In auto "
        "mode the controller moves loaded houses to other phases. If it comes back daily, raise the transformer's "
        "tap or strengthen the line there."
    ),
    "voltage_extreme_high": (
        "Voltage dangerously high on {phase}: {volts:.1f} V at {house}, extreme limit {limit_v:.1f} V. In auto "
        "mode the controller moves houses if that helps, but a lost neutral or a fault cannot be mended by moving. "
        "Send someone to {house} now."
    ),
    "voltage_extreme_low": (
        "Voltage dangerously low on {phase}: {volts:.1f} V at {house}, extreme limit {limit_v:.1f} V. In auto "
        "mode the controller moves houses if that helps, but a loose connection, a lost neutral or a fault cannot be "
        "mended by moving. Send someone to {house} now."
    ),
    "frequent_switching": (
        "{operations} switch operations on the feeder within an hour; told from {limit} on. The hard limits per "
        "house and feeder hold, so the switches are safe, but they wear. Lower decision.operations_per_house_day, "
        "or raise decision.neutral_trigger_a, if this goes on."
    ),
    "stale_meters": (
        "{stale} of {total} houses ({share_pct:.0f} %) have no fresh reading; told from {limit_pct:.0f} % on: "
        "{names}. Houses without a fresh reading are not switched, and all automatic switching stops below "
        "decision.min_coverage. Check the broker, the gateway and the houses' network."
    ),
    "meter_silent": (
        "The meter of {house} has sent nothing for {age_min:.0f} minutes. The house is counted as unmeasured "
        "and is not switched until readings come back. Check its meter and its network."
    ),
    "transformer_silent": (
        "The transformer's meter has sent nothing for {age_min:.0f} minutes. Until it is back the neutral current is "
        "reckoned from the houses' meters, and moves are checked by those alone. Check the meter in the substation and "
        "its network."
    ),
    "switch_locked": (
        "The phase switch of {house} is locked out: {reason}. It is left where it is and gets no more "
        "commands, whatever happens. Look at the switch and at the house's supply, then release it."
    ),
    "switch_position": (
        "The phase switch of {house} {says}, and {holds}. No command of this controller explains it. The house is "
        "not switched until its position is sure. Check whether somebody moved it by hand, and the switch's wiring."
    ),
    "switch_position.reports": "reports {phase}",
    "switch_position.unsure": "does not know its position",
    "switch_position.expected": "it should be on {phase}",
    "switch_position.no_record": "no position is on record",
    "wrong_phase_record": (
        "The records have {house} on {recorded}, but {hours:.0f} h of voltage put it on "
        "{phase} (confidence {confidence_pct:.1f} %, told from {sure_pct:.0f} % on). It counts "
        "for the wrong phase in every sum, and is not moved automatically while this stands. See where it is really "
        "connected: {cause}. If it is on {recorded} after all, clear it as a locked-out switch is cleared, and "
        "it is judged anew."
    ),
    "wrong_phase_record.moved": (
        "its switch may not have moved when it said so, or the wires of its contacts may be mixed up. Mend that"
    ),
    "wrong_phase_record.rest": (
        "if it is on {phase}, correct its phase in the list of houses and reload, or where it has a switch "
        "the wires of its contacts"
    ),
    "switching_halted": (
        "Automatic switching is halted: {reason}. No switch is commanded. Find what they have in common (gateway, "
        "radio, supply of the cabinet), then clear a switch that was locked out or set the mode to auto again."
    ),
    "supply_lost": (
        "{phase}: {dark} of {reporting} houses that report have no supply ({names}). No house is moved "
        "until supply has been back for the cool-down. Check the fuse and the conductor of {phase}."
    ),
    "storage": (
        "The store cannot save: {fault}. The record waits in memory and is written late, when the disk is "
        "back, or lost if the power fails first. Control goes on meanwhile, but for commands while the disk "
        "hangs. Check the disk: free space, read-only mount, a worn SD card."
    ),
    "restarted": (
        "The controller started again after it had ended without a goodbye: {starts} starts within an hour, told from "
        "{limit} on. Its state came back from the store, and commands whose outcome was open are not repeated. Read "
        "the log before the start (journalctl -u edge-balancer): a crash, the watchdog, or a loss of supply."
    ),
    "clock_unsynchronised": (
        "The clock of the controller has not been synchronised for {minutes:.0f} minutes; told from {limit_min:.0f} "
        "on. Dwell times and limits do not depend on it, but records and the hours of the day do, and time stamps of "
        "meters are not believed. Check the network and the time service (timedatectl)."
    ),
    "clock_stepped": (
        "The clock of the controller was set by {step_s:+.0f} s; told from {limit_s:.0f} s on. Dwell times and limits "
        "do not depend on it; records before and after do not fit together. If nobody set it, check the time service "
        "and the battery of the clock."
    ),
    "orders_refused": (
        "{refused} orders were refused within an hour, told from {limit} on: requests, releases, acknowledgements and "
        "modes that were malformed, retained or for nobody, or modes set to and fro too often. None of them had any "
        "effect. If no program of yours is at fault, somebody tries the broker: B/diagnostics shows the last of them; "
        "change its passwords and rights."
    ),
    "commands_forged": (
        "Switches refused {forged} commands within an hour as forged, repeated or old; told from {limit} on. None of "
        "them moved anything. If they were this controller's own, its signing key is not the switches', or an older "
        "store was put back. If they were not, somebody has access to the broker: change its passwords and rights, "
        "and the switches' keys."
    ),
    "message_flood": (
        "{per_s:.0f} messages a second come on {topic}; {most} of them are read, the rest is left. Nothing else is "
        "delayed by it. A device or a program at fault, or a stolen one: find it; if it is not to be found, revoke its "
        "certificate or its password and restart the broker."
    ),
    "broker_lost": (
        "The controller has had no connection to the broker, or not all three of its own, for {minutes:.0f} minutes; "
        "told from {limit_min:.0f} on. It commands no switch over it until all are back, which it tries by itself; "
        "orders given over it meanwhile are lost. Check that the broker runs, and the network to it; the log says "
        "which connection it is and why."
    ),
    "model_demoted": (
        "The learned forecast was set aside: {reason}. The controller decides without it, by what the meters of this "
        "feeder have taught. {remedy}"
    ),
    "model_demoted.broken": (
        "Nothing needs to be done at once. edge-balancer models verify looks at it again, edge-balancer doctor at the "
        "disk; then activate another model, or the one before: edge-balancer models."
    ),
    "model_demoted.crashed": (
        "It is not loaded again before the machine has booted. Nothing needs to be done at once. Where edge-balancer "
        "models verify dies without a word, it is the runtime; where it does not, see in the log what ended the "
        "controller, and activate the model anew."
    ),
    "model_demoted.unfit": (
        "Nothing needs to be done. One that knows this feeder can be trained on its own records: edge-balancer train."
    ),
    "model_demoted.slow": (
        "Nothing needs to be done: it is tried again within a day. Where this comes back, see what else the machine is "
        "doing."
    ),
}

_PARTS: Final = {
    "no_house": "no house",
    "acknowledged_by": " Acknowledged by {who} at {when} UTC.",
}

_TITLES: Final = {
    "title.severe_imbalance": "severe imbalance",
    "title.voltage_unbalance": "voltage unbalance",
    "title.voltage_high": "voltage too high",
    "title.voltage_low": "voltage too low",
    "title.voltage_extreme_high": "voltage dangerously high",
    "title.voltage_extreme_low": "voltage dangerously low",
    "title.frequent_switching": "frequent switching",
    "title.stale_meters": "many meters silent",
    "title.meter_silent": "meter silent",
    "title.transformer_silent": "transformer's meter silent",
    "title.switch_locked": "switch locked out",
    "title.switch_position": "switch position unsure",
    "title.switching_halted": "switching halted",
    "title.wrong_phase_record": "wrong phase on record",
    "title.supply_lost": "supply lost",
    "title.storage": "store cannot save",
    "title.restarted": "controller restarted",
    "title.clock_unsynchronised": "clock not synchronised",
    "title.clock_stepped": "clock was set",
    "title.orders_refused": "orders refused",
    "title.commands_forged": "commands refused as forged",
    "title.message_flood": "too many messages",
    "title.broker_lost": "broker lost",
    "title.model_demoted": "forecast set aside",
}

_ACTIONS: Final = {
    "do.severe_imbalance": "Reduce load on the fullest phase, check the neutral.",
    "do.voltage_unbalance": "Watch motors for heat.",
    "do.voltage_high": "If daily: lower the tap or limit export.",
    "do.voltage_low": "If daily: raise the tap or the line's size.",
    "do.voltage_extreme_high": "Send someone now.",
    "do.voltage_extreme_low": "Send someone now.",
    "do.frequent_switching": "Lower the budget of operations if it goes on.",
    "do.stale_meters": "Check broker, gateway, network.",
    "do.meter_silent": "Check the meter and its network.",
    "do.transformer_silent": "Check the meter in the substation.",
    "do.switch_locked": "Look at the switch, then release it.",
    "do.switch_position": "Moved by hand? Check its wiring.",
    "do.switching_halted": "Find the common cause, then clear.",
    "do.wrong_phase_record": "See where it is connected.",
    "do.supply_lost": "Check fuse and conductor.",
    "do.storage": "Check the disk.",
    "do.restarted": "Read the log before the start.",
    "do.clock_unsynchronised": "Check the time service.",
    "do.clock_stepped": "Check the time service.",
    "do.orders_refused": "Check who uses the broker.",
    "do.commands_forged": "Check keys and who uses the broker.",
    "do.message_flood": "Find who says so much, or revoke it.",
    "do.broker_lost": "Check the broker and the network.",
    "do.model_demoted": "Nothing at once.",
}

_MESSAGES: Final = {
    "severity.info": "Note",
    "severity.warning": "Warning",
    "severity.critical": "CRITICAL",
    "names.more": "{names} and {more} more",
    "message.subject": "{severity} {feeder}: {what}",
    "message.subject_of": "{feeder}: {what}",
    "message.heading": "{severity} {feeder}:",
    "message.since": "Since {since}.",
    "message.ack": "Reply ACK {number}.",
    "message.acked_by": "To acknowledge: edge-balancer alerts ack {number}, or reply ACK {number}.",
    "message.again": "Perhaps told before:",
    "message.title_of": "{title} {subject}",
    "message.many": "{count} alerts: {names}.",
    "message.reminder": "Still standing, not acknowledged: {text}",
    "message.flapping": (
        "{title} is flapping: begun {count} times within {minutes:.0f} minutes. The next word comes when it has calmed."
    ),
    "message.calmed_gone": "{title} has calmed and is over: begun {count} times since {since}.",
    "message.calmed_stands": "{title} has calmed and stands: begun {count} times since {since}.",
    "message.over": "Over: {title}, from {since} to {until}.",
    "message.over_short": "Over: {names}.",
    "message.missed": "Begun and over meanwhile: {names}.",
    "message.held": "Held back by the limit of {cap} messages an hour: {count}.",
    "message.escalated": "Nobody has acknowledged this.",
    "digest.subject": "{feeder}: the day in alerts",
    "digest.stands": "Standing:",
    "digest.over": "Over:",
    "digest.line": "- {severity} {title}, since {since}",
    "digest.line_over": "- {severity} {title}, {since} to {until}",
    "digest.line_often": "- {severity} {title}, {count} times, the last {since} to {until}",
    "digest.acknowledged": " (acknowledged)",
    "test.subject": "{feeder}: a test",
    "test.text": (
        "A test of edge-balancer's alerts for the feeder {feeder}. Nothing is wrong, and nothing is to be done."
    ),
}

SENTENCES: Final[dict[str, str]] = _ALERTS | _PARTS | _TITLES | _ACTIONS | _MESSAGES
