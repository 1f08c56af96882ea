-- One row an invocation. Columns carry the names of AWS's model-invocation log where it has one.
CREATE TABLE invocations (
    gatewayRequestId           TEXT PRIMARY KEY,
    timestamp                  TEXT NOT NULL,
    requestId                  TEXT,
    operation                  TEXT NOT NULL,
    region                     TEXT NOT NULL,
    modelId                    TEXT NOT NULL,
    identity                   TEXT,
    status                     INTEGER NOT NULL,
    errorCode                  TEXT,
    stopReason                 TEXT,
    inputTokenCount            INTEGER NOT NULL,
    outputTokenCount           INTEGER NOT NULL,
    cacheReadInputTokenCount   INTEGER NOT NULL,
    cacheWriteInputTokenCount  INTEGER NOT NULL,
    -- what only the gateway knows
    identifier                 TEXT NOT NULL,
    model                      TEXT,
    profile                    TEXT,
    profileName                TEXT,
    tags                       TEXT,
    user                       TEXT,
    dialect                    TEXT NOT NULL,
    lane                       TEXT NOT NULL,
    usage                      TEXT NOT NULL,
    costUsd                    REAL,
    firstEventMs               INTEGER,
    latencyMs                  INTEGER NOT NULL,
    notices                    TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX invocations_by_time ON invocations (timestamp);
