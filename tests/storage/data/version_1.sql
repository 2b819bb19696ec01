-- A database as schema version 1 wrote it (text dump; `PRAGMA`s added, which a dump leaves out).
PRAGMA application_id = 0x4542414c;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE active_alerts (
    key TEXT PRIMARY KEY,
    alert TEXT NOT NULL  -- the alert as JSON
) STRICT, WITHOUT ROWID;
INSERT INTO "active_alerts" VALUES('switch_failed/h3','{"key":"switch_failed/h3","limit":10.0,"severity":"warning","since":1763829600.0,"state":"active","text":"switch_failed/h3 is too high","unit":"A","value":12.5}');
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
INSERT INTO "house_minutes" VALUES(1763829420,1,0,9504,1200,22951,23002,23144,6);
INSERT INTO "house_minutes" VALUES(1763829420,2,0,-41000,NULL,NULL,NULL,NULL,60);
INSERT INTO "house_minutes" VALUES(1763829480,1,0,9504,1200,22951,23002,23144,6);
INSERT INTO "house_minutes" VALUES(1763829480,2,0,-41000,NULL,NULL,NULL,NULL,60);
INSERT INTO "house_minutes" VALUES(1763829540,1,0,9504,1200,22951,23002,23144,6);
INSERT INTO "house_minutes" VALUES(1763829540,2,0,-41000,NULL,NULL,NULL,NULL,60);
CREATE TABLE houses (
    house TEXT PRIMARY KEY,
    phase TEXT CHECK (phase IN ('L1', 'L2', 'L3')),  -- NULL: the switch does not know its position
    since REAL,                                      -- Unix seconds at which `phase` was last confirmed to change
    locked TEXT                                      -- why it is locked out; NULL when it is not
) STRICT, WITHOUT ROWID;
INSERT INTO "houses" VALUES('h1','L2',1763829549.0,NULL);
INSERT INTO "houses" VALUES('h3',NULL,NULL,'no answer in 30 s');
CREATE TABLE open_commands (
    command TEXT PRIMARY KEY,
    house TEXT NOT NULL,
    planned INTEGER NOT NULL  -- the trail's row
) STRICT, WITHOUT ROWID;
INSERT INTO "open_commands" VALUES('c2','h2',7);
CREATE TABLE series (
    series INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO "series" VALUES(1,'h1');
INSERT INTO "series" VALUES(2,'transformer/L1');
CREATE TABLE state (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL  -- JSON
) STRICT, WITHOUT ROWID;
INSERT INTO "state" VALUES('command_seq','43');
INSERT INTO "state" VALUES('learned','{"price":120.5}');
INSERT INTO "state" VALUES('mode','"advise"');
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
INSERT INTO "trail" VALUES(1,1763829500.0,4900.0,1,'started','','','{"version":"0.0.9"}','0000000000000000000000000000000000000000000000000000000000000000','7fcd337f0acfe09da55e2f2f3677f27007b50dfbdb2b65bfb93aaa02f1fd59a8');
INSERT INTO "trail" VALUES(2,1763829540.0,4940.0,1,'decision','','','{"advice":"survival","at":4940.0,"blocks":[],"candidates":[],"commanded":true,"coverage":1.0,"gain":900.0,"id":"d1","moves":[{"house":"h1","origin":0,"target":1}],"neutral_after_a":2.0,"neutral_before_a":14.0,"operator":"","phase_p":[4000.0,1000.0,1200.0],"phase_v_max":[236.0,null,null],"price":120.0,"text":"Moving h1 takes 12 A off the neutral.","trigger":"imbalance","trigger_limit":3.6,"trigger_value":14.0,"vetoes":[],"wall":1763829540.0}','7fcd337f0acfe09da55e2f2f3677f27007b50dfbdb2b65bfb93aaa02f1fd59a8','b4570de2191dc526da72eefe94428d2a75ce06ea42e8985e4af50aee22b48f98');
INSERT INTO "trail" VALUES(3,1763829540.0,4940.0,1,'planned','h1','c1','{"decision":"d1","expires":1763829550.0,"from":"L1","issued":1763829540.0,"phase":"L2","seq":41}','b4570de2191dc526da72eefe94428d2a75ce06ea42e8985e4af50aee22b48f98','259597253f9ea6746eb3715580227ced82a5d7263fb93b2788da23446767956a');
INSERT INTO "trail" VALUES(4,1763829540.1,4940.1,1,'sent','h1','c1','{}','259597253f9ea6746eb3715580227ced82a5d7263fb93b2788da23446767956a','ba033a5cae2ea12b336fc5edcc9a148679fe46b3d019a05ad41b2694261489aa');
INSERT INTO "trail" VALUES(5,1763829541.0,4941.0,1,'acknowledged','h1','c1','{"phase":"L2","result":"done"}','ba033a5cae2ea12b336fc5edcc9a148679fe46b3d019a05ad41b2694261489aa','21de5ddef0c5684745d4aee8bf7bcdd076b1dc2b8203e8b895788504402e4915');
INSERT INTO "trail" VALUES(6,1763829549.0,4949.0,1,'verified','h1','c1','{"evidence":{"current":true},"phase":"L2"}','21de5ddef0c5684745d4aee8bf7bcdd076b1dc2b8203e8b895788504402e4915','bd528a685863a7280d7affad025d6171f7ffd6952efdb6be887c66a461583c8d');
INSERT INTO "trail" VALUES(7,1763829570.0,4970.0,1,'planned','h2','c2','{"decision":"d1","expires":1763829580.0,"from":"L2","issued":1763829570.0,"phase":"L3","seq":42}','bd528a685863a7280d7affad025d6171f7ffd6952efdb6be887c66a461583c8d','6c4073f429b36459861b1d4648b1a9b564c7dd745beeb618f422578997126674');
INSERT INTO "trail" VALUES(8,1763829570.1,4970.1,1,'sent','h2','c2','{}','6c4073f429b36459861b1d4648b1a9b564c7dd745beeb618f422578997126674','65ff553d88871d30ee491eab12d7af33c9464943a6be384166edd18c02715b68');
INSERT INTO "trail" VALUES(9,1763829580.0,4980.0,1,'planned','h3','c3','{"decision":"d1","expires":1763829590.0,"from":"L1","issued":1763829580.0,"phase":"L2","seq":43}','65ff553d88871d30ee491eab12d7af33c9464943a6be384166edd18c02715b68','d5a23aa028779b7ab604a75fdeb8cc640a3d7ac86b8f9ac45453461d3749af47');
INSERT INTO "trail" VALUES(10,1763829610.0,5010.0,1,'timed_out','h3','c3','{"reason":"no answer in 30 s"}','d5a23aa028779b7ab604a75fdeb8cc640a3d7ac86b8f9ac45453461d3749af47','00ba550b3a07d8fe83c871076dc6f4e4ddc1c867c9c0e4d09d546b2df6fbb23f');
INSERT INTO "trail" VALUES(11,1763829610.5,5010.5,1,'locked','h3','c3','{"reason":"no answer in 30 s"}','00ba550b3a07d8fe83c871076dc6f4e4ddc1c867c9c0e4d09d546b2df6fbb23f','301ded872995cf70b52b187db8b597c674a6d9bea23b7e1ac6fc32466fe82828');
INSERT INTO "trail" VALUES(12,1763829611.0,5011.0,1,'alert','','','{"key":"switch_failed/h3","limit":10.0,"severity":"warning","since":1763829600.0,"state":"active","text":"switch_failed/h3 is too high","unit":"A","value":12.5}','301ded872995cf70b52b187db8b597c674a6d9bea23b7e1ac6fc32466fe82828','d941e1acd6d77009bf030b68851d41b2a4fddf8f205b3d484f33226d497c7d86');
INSERT INTO "trail" VALUES(13,1763829612.0,5012.0,1,'mode','','','{"by":"Stra\u00dfe 5","mode":"advise"}','d941e1acd6d77009bf030b68851d41b2a4fddf8f205b3d484f33226d497c7d86','42a01249d98884bf61163ef9fd7d1049d09580710f7741884ad364e64f982724');
INSERT INTO "trail" VALUES(14,1763829620.0,5020.0,1,'stopped','','','{}','42a01249d98884bf61163ef9fd7d1049d09580710f7741884ad364e64f982724','ee1ffb0408c1cdadf7e28a4cb72d63959f6bd35ed3aad219c1c9200a0288fd36');
CREATE TABLE trail_head (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    seq INTEGER NOT NULL,
    hash TEXT NOT NULL,
    bytes INTEGER NOT NULL  -- about what the trail takes of the file; telemetry's bound leaves it out
) STRICT;
INSERT INTO "trail_head" VALUES(1,14,'ee1ffb0408c1cdadf7e28a4cb72d63959f6bd35ed3aad219c1c9200a0288fd36',4011);
CREATE INDEX trail_kind ON trail (kind);
CREATE INDEX trail_command ON trail (command) WHERE command <> '';
CREATE TRIGGER trail_is_not_updated BEFORE UPDATE ON trail
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only: a row cannot be changed');
END;
CREATE TRIGGER trail_is_not_deleted BEFORE DELETE ON trail
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only: a row cannot be deleted');
END;
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
CREATE TRIGGER trail_head_is_single BEFORE INSERT ON trail_head
BEGIN
    SELECT RAISE(ABORT, 'the audit trail has one head');
END;
CREATE TRIGGER trail_head_is_not_deleted BEFORE DELETE ON trail_head
BEGIN
    SELECT RAISE(ABORT, 'the head of the audit trail cannot be deleted');
END;
COMMIT;
