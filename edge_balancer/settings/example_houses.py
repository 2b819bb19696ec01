"""The example of a houses' table (CSV) that goes with the example of the configuration."""

from __future__ import annotations

from typing import Final

_HEADER: Final = "id,phase,switchable,critical,three_phase,pv_w,switch_topic,meter_topic,meter_format,meter_channel"
# Each row shows something: a plain house, solar, meters and switches of other makes, houses that must stay.
_ROWS: Final = (
    "house-01,L1,yes,no,no,0,,,,",
    "house-02,L1,yes,no,no,5000,,,,",
    "house-03,L1,yes,no,no,8200,,shellies/house-03,shelly1,0",
    "house-04,L1,yes,no,no,0,,tele/house-04/SENSOR,tasmota,",
    "house-05,L2,yes,no,no,4000,,zigbee2mqtt/house-05,zigbee2mqtt,",
    "house-06,L2,yes,no,no,0,switches/house-06,,,",
    "house-07,L2,yes,no,no,0,,,,",
    "house-08,L3,yes,no,no,0,,,,",
    "house-09,L3,no,no,no,3600,,,,",
    "house-10,L3,yes,yes,no,0,,,,",
    "workshop,,no,no,yes,12000,,,,",
)


def example_houses_csv() -> str:
    """The table as text."""
    return "\n".join((_HEADER, *_ROWS)) + "\n"
