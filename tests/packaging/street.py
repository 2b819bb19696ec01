"""The meters of a street of six houses, played inside the machine under test by the Python of the installed package.

    street.py BASE_TOPIC [PORT [CA CERT KEY]]

Readings follow no phase: h01 and h04 draw 5 kW each, the others nothing, until the program is stopped.
"""

from __future__ import annotations

import json
import sys
import time

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

LOADS_W = {"h01": 5000.0, "h02": 0.0, "h03": 0.0, "h04": 5000.0, "h05": 0.0, "h06": 0.0}


def main() -> None:
    base, port = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1883
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="street")
    if len(sys.argv) > 3:
        ca, certificate, key = sys.argv[3:6]
        client.tls_set(ca, certificate, key)
    client.connect("localhost", port)
    client.loop_start()
    while True:
        for house, load_w in LOADS_W.items():
            client.publish(f"{base}/meter/{house}", json.dumps({"p": load_w, "v": 231.0}), qos=0)
        time.sleep(0.5)


if __name__ == "__main__":
    main()
