"""The mode in force, and what is written about it: the mode on record is always the one in force, and stands in the
trail before whatever it allowed, so that a restart at any instant goes on in it.

Anybody who may set the mode may set it to and fro without end, so changes have a ration. Caution is never made to wait:
a change to a more cautious mode takes effect and is written at once. The way back is what is rationed, and with it the
rows of both; beyond the ration it is refused. An order from the page is neither rationed nor refused.

Pure. What a mode allows is for the guard.
"""

from __future__ import annotations

from typing import Final

from edge_balancer.switching.desk import SwitchDesk
from edge_balancer.switching.ration import Row
from edge_balancer.types.events import EventKind
from edge_balancer.types.switching import Mode, ModeRequest

TOO_MANY: Final = "too many changes of the mode"
"""Why a change was refused, for the record."""
_CAUTION: Final = {Mode.AUTO: 0, Mode.ADVISE: 1, Mode.HOLD: 2}
_CHANGES: Final = "mode"
_REFUSALS: Final = "mode refused"


class ModeDesk:
    """Takes wishes for another mode. Rows go to the switching desk, which keeps the record."""

    def __init__(self, mode: Mode, desk: SwitchDesk) -> None:
        self._in_force = ModeRequest(mode, "start")
        self._desk = desk
        self.refused = 0
        """Wishes refused since the start."""
        self._news: ModeRequest | None = self._in_force

    @property
    def mode(self) -> Mode:
        return self._in_force.mode

    def take(self, request: ModeRequest) -> bool:
        """Whether the mode that is wished for is in force now."""
        # Who gives orders by the API is answered for each of them: also one that changes nothing is on record.
        if request.mode is not self.mode or request.order:
            if not self._may(request):
                self._refuse(request)
                return False
            # What was refused before names the mode that was in force then, and must not stand behind this one.
            self._desk.record_waiting(_REFUSALS)
            body = {"mode": str(request.mode), "by": request.by}
            body |= {name: said for name, said in (("reason", request.reason), ("order", request.order)) if said}
            self._desk.record(EventKind.MODE, body)
        self._in_force = self._news = request
        return True

    def news(self) -> ModeRequest | None:
        """The mode in force and who set it, where somebody has asked for one since it was told last."""
        news, self._news = self._news, None
        return news

    def _may(self, request: ModeRequest) -> bool:
        more_cautious = _CAUTION[request.mode] > _CAUTION[self.mode]
        return more_cautious or bool(request.order) or self._desk.may_record(_CHANGES)

    def _refuse(self, request: ModeRequest) -> None:
        self.refused += 1
        # Whoever asked sees which mode goes on.
        self._news = self._in_force
        body = {
            "mode": str(self.mode),
            "by": self._in_force.by,
            "refused": str(request.mode),
            "operator": request.by,
            "reason": TOO_MANY,
        }
        self._desk.record_few(_REFUSALS, Row(EventKind.MODE, body))
