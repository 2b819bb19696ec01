"""Who may come in, and how far: accounts, sessions, tokens, roles, and the gate that every request passes.

Not the routes (each says itself which role it needs), nor the server. `Access` in `access.py` is made once per server.
"""

from __future__ import annotations
