"""The commands of `firmware-bridge`, one file each."""
