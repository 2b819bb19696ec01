"""What every connection to the page's server gets from the socket that it came in by."""

from __future__ import annotations

import select
import socket

from edge_balancer.dashboard.listening import listeners
from edge_balancer.settings.dashboard import DashboardSettings


def test_answers_on_a_kept_connection_do_not_wait_for_one_another() -> None:
    (listener,) = listeners(DashboardSettings(host="127.0.0.1", port=0))
    with listener, socket.create_connection(listener.getsockname()):
        select.select([listener], [], [], 10.0)
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
