"""Home Assistant's MQTT discovery: what the controller says of itself so that Home Assistant shows it without any
configuration. Pure; publishing is the daemon's."""
