-- Minutes of the whole feeder, 15-minute means for long keeping, and since when a house is locked out.

-- One row a minute for the whole feeder: too few for fixed point to pay. A, %, W, V.
CREATE TABLE feeder_minutes (
    minute INTEGER PRIMARY KEY,  -- start, Unix seconds
    i_n REAL,
    i_n_max REAL,
    imbalance REAL,
    p_l1 REAL,
    p_l2 REAL,
    p_l3 REAL,
    v_max_l1 REAL,
    v_max_l2 REAL,
    v_max_l3 REAL,
    v_min_l1 REAL,
    v_min_l2 REAL,
    v_min_l3 REAL,
    coverage REAL
) STRICT;

CREATE TABLE feeder_quarters (
    quarter INTEGER PRIMARY KEY,  -- start, Unix seconds
    minutes INTEGER NOT NULL,     -- how many stand behind it
    i_n REAL,
    i_n_max REAL,
    imbalance REAL,
    p_l1 REAL,
    p_l2 REAL,
    p_l3 REAL,
    v_max_l1 REAL,
    v_max_l2 REAL,
    v_max_l3 REAL,
    v_min_l1 REAL,
    v_min_l2 REAL,
    v_min_l3 REAL,
    coverage REAL
) STRICT;

-- The units of house_minutes.
CREATE TABLE house_quarters (
    quarter INTEGER NOT NULL,  -- start, Unix seconds
    series INTEGER NOT NULL,
    phase INTEGER NOT NULL CHECK (phase BETWEEN -1 AND 2),
    p INTEGER,
    q INTEGER,
    v_min INTEGER,
    v_mean INTEGER,
    v_max INTEGER,
    readings INTEGER NOT NULL,
    PRIMARY KEY (quarter, series)
) STRICT, WITHOUT ROWID;

ALTER TABLE houses ADD COLUMN locked_since REAL;  -- Unix seconds

UPDATE houses
SET locked_since = (
    SELECT wall FROM trail WHERE kind = 'locked' AND trail.house = houses.house ORDER BY seq DESC LIMIT 1
)
WHERE locked IS NOT NULL;
