"""The live stream: server-sent events with ids, resumed after a lost connection; slow readers are dropped."""
