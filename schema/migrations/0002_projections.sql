-- Projections: what every read model shares. The tables of a read model itself are made by its code, in a schema per
-- build (`rm_<projection>_v<version>_g<generation>`), so that it can be rebuilt beside the one in use.

CREATE SEQUENCE projection_generations AS bigint;

-- One row per build. Exactly one build of a projection is live: the views of `read` and `dashboard` show it.
CREATE TABLE projection_checkpoints (
    name            text        NOT NULL,
    generation      bigint      NOT NULL,
    version         integer     NOT NULL,           -- of the projection's code that made the tables
    schema_name     text        NOT NULL UNIQUE,
    live            boolean     NOT NULL,
    status          text        NOT NULL CHECK (status IN ('running', 'stopped', 'rebuilding')),
    transaction_id  xid8        NOT NULL DEFAULT '0', -- all events up to here are in the tables
    position        bigint      NOT NULL DEFAULT 0,
    error           text,                            -- why it stopped
    stopped_transaction_id xid8,                     -- the event that it stopped at
    stopped_position bigint,
    updated_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (name, generation)
);

CREATE UNIQUE INDEX projection_checkpoints_live ON projection_checkpoints (name) WHERE live;

COMMENT ON TABLE projection_checkpoints IS 'Where each build of each projection stands; written in the transaction '
    'that applies the events.';

CREATE SCHEMA read;
COMMENT ON SCHEMA read IS 'The read models in use, as views over the tables of the live builds. For Opstella''s own '
    'queries: columns change with the version. People build on the schema dashboard.';

CREATE SCHEMA dashboard;
COMMENT ON SCHEMA dashboard IS 'Stable views for people: columns are added at the end, never changed or removed.';

CREATE VIEW dashboard.projection_status AS
SELECT c.name AS projection,
       c.status,
       c.version,
       c.generation,
       c.transaction_id::text || '-' || c.position AS position,
       (SELECT count(*) FROM (SELECT FROM events e
                              WHERE (e.transaction_id, e.position) > (c.transaction_id, c.position)
                              LIMIT 100000) AS behind) AS lag_events,
       coalesce((SELECT greatest(extract(epoch FROM clock_timestamp() - e.recorded_at), 0)
                 FROM events e
                 WHERE (e.transaction_id, e.position) > (c.transaction_id, c.position)
                 ORDER BY e.transaction_id, e.position LIMIT 1), 0)::float8 AS lag_seconds,
       c.error,
       c.stopped_transaction_id::text || '-' || c.stopped_position AS stopped_at,
       c.updated_at
FROM projection_checkpoints c
WHERE c.live;

COMMENT ON VIEW dashboard.projection_status IS 'Where each read model stands. Alert on status = ''stopped'' and on lag_seconds.';
COMMENT ON COLUMN dashboard.projection_status.projection IS 'Name of the read model';
COMMENT ON COLUMN dashboard.projection_status.status IS 'running, or stopped at an event that it cannot apply';
COMMENT ON COLUMN dashboard.projection_status.version IS 'Version of the code that made its tables';
COMMENT ON COLUMN dashboard.projection_status.generation IS 'Number of the build in use';
COMMENT ON COLUMN dashboard.projection_status.position IS 'Everything up to this event is in it';
COMMENT ON COLUMN dashboard.projection_status.lag_events IS 'Events that are not in it yet, counted up to 100000';
COMMENT ON COLUMN dashboard.projection_status.lag_seconds IS 'Age of the oldest event that is not in it yet';
COMMENT ON COLUMN dashboard.projection_status.error IS 'Why it stopped';
COMMENT ON COLUMN dashboard.projection_status.stopped_at IS 'Position of the event that it stopped at';
COMMENT ON COLUMN dashboard.projection_status.updated_at IS 'When it last moved';
