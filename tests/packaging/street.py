"""The meters of a street of six houses, played inside the machine under test by the Python of the installed package.

    street.py BASE_TOPIC PORT CA_FOLDER

Each meter speaks for itself, with its own certificate. h01 and h04 draw 5 kW each, whatever phase they are on, the
others nothing, until the program is stopped.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

LOADS_W = {"h01": 5000.0, "h02": 0.0, "h03": 0.0, "h04": 5000.0, "h05": 0.0, "h06": 0.0}


def meter(house: str, port: int, folder: Path) -> mqtt.Client:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"meter:{house}")
    own = folder / f"meter.{house}"
    client.tls_set(str(folder / "ca.pem"), str(own / "cert.pem"), str(own / "key.pem"))
    client.connect("localhost", port)
    client.loop_start()
    return client


def main() -> None:
    base, port, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    meters = {house: meter(house, port, folder) for house in LOADS_W}
    while True:
        for house, client in meters.items():
            client.publish(f"{base}/meter/{house}", json.dumps({"p": LOADS_W[house], "v": 231.0}), qos=0)
        time.sleep(0.5)


if __name__ == "__main__":
    main()
