"""The street that machines under test are given: six houses, two of them with relays on one board."""

HOUSES = "id,phase\n" + "".join(f"h{number:02d},L{(number - 1) % 3 + 1}\n" for number in range(1, 7))
BOARD = """\
[bridge.interlock]
dwell_s = 0
[[bridge.lines]]
name = "shed"
port = "/dev/ttyUSB0"
[[bridge.lines.switches]]
house = "h01"
model = "waveshare_relay_8ch"
unit = 10
relays = [1, 2, 3]
[[bridge.lines.switches]]
house = "h04"
model = "waveshare_relay_8ch"
unit = 10
relays = [4, 5, 6]
"""
