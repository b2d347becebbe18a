-- The journal: the event store that everything else can be rebuilt from.
-- The first seven columns of `events` and the whole of `snapshots` are those of postgres-es, so that its client can
-- read and append here.

CREATE TABLE events (
    aggregate_type text        NOT NULL,
    aggregate_id   text        NOT NULL,
    sequence       bigint      NOT NULL CHECK (sequence >= 0),
    event_type     text        NOT NULL,
    event_version  text        NOT NULL,
    payload        json        NOT NULL, -- json, not jsonb: the exact text is what gets hashed
    metadata       json        NOT NULL, -- a flat object of strings: actor, command, correlation, causation, …
    position       bigint      GENERATED ALWAYS AS IDENTITY,
    transaction_id xid8        NOT NULL DEFAULT pg_current_xact_id(),
    recorded_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (aggregate_type, aggregate_id, sequence)
);

-- Readers follow this order; `position` alone is not safe, because a lower one can commit later.
CREATE UNIQUE INDEX events_transaction_id_position ON events (transaction_id, position);

COMMENT ON TABLE events IS 'Append-only. Read in the order (transaction_id, position), and only rows whose '
    'transaction_id is below pg_snapshot_xmin(pg_current_snapshot()).';

-- One snapshot per aggregate. `made_by` names the code that wrote it: a snapshot of other code is not trusted.
CREATE TABLE snapshots (
    aggregate_type   text   NOT NULL,
    aggregate_id     text   NOT NULL,
    last_sequence    bigint NOT NULL CHECK (last_sequence >= 0),
    current_snapshot bigint NOT NULL CHECK (current_snapshot >= 0),
    payload          json   NOT NULL,
    made_by          text,
    PRIMARY KEY (aggregate_type, aggregate_id)
);

-- An `Idempotency-Key`, claimed in the transaction of the events that it led to.
CREATE TABLE idempotency_keys (
    scope          text        NOT NULL, -- whose key it is: the subject
    key            text        NOT NULL,
    fingerprint    text        NOT NULL, -- hash of the request; another request under the same key is refused
    answer         json        NOT NULL, -- what the first request was answered
    unit           text        NOT NULL, -- the append that claimed it, as in events.metadata ->> 'unit'
    transaction_id xid8        NOT NULL DEFAULT pg_current_xact_id(),
    expires_at     timestamptz NOT NULL,
    PRIMARY KEY (scope, key)
);

CREATE INDEX idempotency_keys_expires_at ON idempotency_keys (expires_at);

-- Streams are never rewritten. The triggers are per statement and not for INSERT: appending pays nothing for them.
CREATE FUNCTION events_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the table events is append-only: % is refused', TG_OP
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'Correct a mistake by appending a compensating event.';
END
$$;

CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION events_are_append_only();
