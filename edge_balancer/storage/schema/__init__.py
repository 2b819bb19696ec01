"""The numbered schema files, as package data. A released file is never edited: the next number mends it."""
