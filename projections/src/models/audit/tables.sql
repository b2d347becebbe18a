CREATE TABLE audit_events (
    transaction_id bigint NOT NULL,
    position       bigint NOT NULL,
    recorded_at    timestamptz NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_id   text NOT NULL,
    sequence       bigint NOT NULL,
    event_type     text NOT NULL,
    event_version  text NOT NULL,
    actor          text NOT NULL,
    actor_name     text,
    actor_roles    text[] NOT NULL,
    actor_client   text,
    actor_address  text,
    command        text NOT NULL,
    correlation    text NOT NULL,
    causation      text,
    reason         text,
    project        text,
    service        text,
    run_id         uuid,
    PRIMARY KEY (transaction_id, position)
);
CREATE INDEX audit_events_aggregate ON audit_events (aggregate_type, aggregate_id, transaction_id, position);
CREATE INDEX audit_events_service ON audit_events (project, service, transaction_id, position);
CREATE INDEX audit_events_actor ON audit_events (actor, transaction_id, position);
CREATE INDEX audit_events_correlation ON audit_events (correlation, transaction_id, position);
CREATE INDEX audit_events_run ON audit_events (run_id, transaction_id, position);
CREATE INDEX audit_events_recorded_at ON audit_events (recorded_at);

-- Which service a run is for.
CREATE TABLE audit_runs (
    run_id  uuid PRIMARY KEY,
    project text NOT NULL,
    service text NOT NULL
);
