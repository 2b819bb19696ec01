"""Virtual meters and relay boards on a pty, with real framing, pace and faults. For trying, for the demo, for tests."""
