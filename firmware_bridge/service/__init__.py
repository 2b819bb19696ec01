"""The bridge at work: devices of the configuration on one side, the MQTT contract on the other."""
