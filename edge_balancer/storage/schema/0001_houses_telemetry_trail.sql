-- The first schema: houses, one-minute telemetry of houses, key-value state, and the hash-chained audit trail.

-- "EBAL": tells an edge-balancer database from any other SQLite file.
PRAGMA application_id = 0x4542414c;

-- Small tables with a text for their key are WITHOUT ROWID: one page to write for a change, not two.

-- What the trail says about each house, kept up in the transaction that writes the trail.
CREATE TABLE houses (
    house TEXT PRIMARY KEY,
    phase TEXT CHECK (phase IN ('L1', 'L2', 'L3')),  -- NULL: the switch does not know its position
    since REAL,                                      -- Unix seconds at which `phase` was last confirmed to change
    locked TEXT                                      -- why it is locked out; NULL when it is not
) STRICT, WITHOUT ROWID;

-- Commands whose outcome is unknown: planned, and neither verified, failed, timed out nor locked out.
CREATE TABLE open_commands (
    command TEXT PRIMARY KEY,
    house TEXT NOT NULL,
    planned INTEGER NOT NULL  -- the trail's row
) STRICT, WITHOUT ROWID;

CREATE TABLE active_alerts (
    key TEXT PRIMARY KEY,
    alert TEXT NOT NULL  -- the alert as JSON
) STRICT, WITHOUT ROWID;

CREATE TABLE state (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL  -- JSON
) STRICT, WITHOUT ROWID;

-- Names of what is measured: a house, or a phase of the transformer (`transformer/L1`).
CREATE TABLE series (
    series INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- Fixed-point integers, not REAL: SQLite stores small integers in two or three bytes and every REAL in eight, which
-- halves what is written to the SD card. Power in 0.1 W or var, voltage in 0.01 V; NULL where the meter did not say.
-- Clustered by time, so that a batch is appended to the table's end and thinning frees whole pages at its start.
CREATE TABLE house_minutes (
    minute INTEGER NOT NULL,  -- start, Unix seconds
    series INTEGER NOT NULL,
    phase INTEGER NOT NULL CHECK (phase BETWEEN -1 AND 2),
    p INTEGER,
    q INTEGER,
    v_min INTEGER,
    v_mean INTEGER,
    v_max INTEGER,
    readings INTEGER NOT NULL,
    PRIMARY KEY (minute, series)
) STRICT, WITHOUT ROWID;

CREATE TABLE trail (
    seq INTEGER PRIMARY KEY,
    wall REAL NOT NULL,
    mono REAL NOT NULL,
    synced INTEGER NOT NULL CHECK (synced IN (0, 1)),
    kind TEXT NOT NULL,
    house TEXT NOT NULL,
    command TEXT NOT NULL,
    body TEXT NOT NULL,
    prev_hash TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;

CREATE INDEX trail_kind ON trail (kind);

CREATE INDEX trail_command ON trail (command) WHERE command <> '';

-- Where the trail ends. Kept apart from the trail, so that rows cut off its end are noticed.
CREATE TABLE trail_head (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    seq INTEGER NOT NULL,
    hash TEXT NOT NULL,
    bytes INTEGER NOT NULL  -- about what the trail takes of the file; telemetry's bound leaves it out
) STRICT;

INSERT INTO trail_head VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000', 0);

CREATE TRIGGER trail_is_not_updated BEFORE UPDATE ON trail
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only: a row cannot be changed');
END;

CREATE TRIGGER trail_is_not_deleted BEFORE DELETE ON trail
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only: a row cannot be deleted');
END;

-- Also stops INSERT OR REPLACE, which deletes without firing a delete trigger.
CREATE TRIGGER trail_is_chained BEFORE INSERT ON trail
WHEN NOT EXISTS (SELECT 1 FROM trail_head WHERE seq = NEW.seq - 1 AND hash = NEW.prev_hash)
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only: a row must follow the head');
END;

CREATE TRIGGER trail_head_follows AFTER INSERT ON trail
BEGIN
    UPDATE trail_head SET seq = NEW.seq, hash = NEW.hash WHERE id = 1;
END;

CREATE TRIGGER trail_head_is_not_moved BEFORE UPDATE OF seq, hash ON trail_head
WHEN NOT EXISTS (SELECT 1 FROM trail WHERE seq = NEW.seq AND hash = NEW.hash AND NEW.seq = OLD.seq + 1)
BEGIN
    SELECT RAISE(ABORT, 'the head of the audit trail moves with its last row only');
END;

-- INSERT OR REPLACE would put another head in its place.
CREATE TRIGGER trail_head_is_single BEFORE INSERT ON trail_head
BEGIN
    SELECT RAISE(ABORT, 'the audit trail has one head');
END;

CREATE TRIGGER trail_head_is_not_deleted BEFORE DELETE ON trail_head
BEGIN
    SELECT RAISE(ABORT, 'the head of the audit trail cannot be deleted');
END;
