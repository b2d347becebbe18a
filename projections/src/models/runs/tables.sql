CREATE TABLE runs (
    id             uuid PRIMARY KEY,
    project        text NOT NULL,
    service        text NOT NULL,
    saga           text NOT NULL,
    environment    text,              -- into which one, of a saga that promotes
    adopt          boolean NOT NULL,
    status         text NOT NULL,
    going_back     boolean NOT NULL,  -- unwinding, or stuck while unwinding
    cause          text,              -- why it unwinds or ended without success
    unwind_cause   jsonb,             -- the same, as the domain has it
    end_reason     text,              -- why an operator abandoned it
    stuck_on       text,
    stuck_message  text,
    left_behind    text[] NOT NULL,
    planned_at     timestamptz NOT NULL,
    started_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    finished_at    timestamptz,
    version        bigint NOT NULL,
    transaction_id bigint NOT NULL,   -- with position: the order of the runs
    position       bigint NOT NULL
);
CREATE UNIQUE INDEX runs_order ON runs (transaction_id, position);
CREATE INDEX runs_service ON runs (project, service, transaction_id, position);
CREATE INDEX runs_status ON runs (status, transaction_id, position);

CREATE TABLE run_steps (
    run_id                uuid NOT NULL,
    step                  text NOT NULL,
    ordinal               integer NOT NULL, -- each step comes after all that it depends on
    tool                  text NOT NULL,
    connection            text NOT NULL,
    operation             text NOT NULL,
    depends_on            text[] NOT NULL,
    phase                 text NOT NULL,
    attempt               bigint NOT NULL,
    failures              bigint NOT NULL,
    compensation_attempt  bigint NOT NULL,
    compensation_failures bigint NOT NULL,
    next_try_at           timestamptz,
    awaited_since         timestamptz,      -- since when it is under way in the tool, or its undoing
    provenance            text,
    attempts              integer NOT NULL, -- rows in run_attempts
    started_at            timestamptz,
    finished_at           timestamptz,
    duration_ms           bigint,
    last_error            text,
    skip_reason           text,
    PRIMARY KEY (run_id, step)
);

CREATE TABLE run_attempts (
    run_id      uuid NOT NULL,
    step        text NOT NULL,
    ordinal     integer NOT NULL, -- 1 for the first, whatever it did
    direction   text NOT NULL,    -- forward or back
    attempt     bigint NOT NULL,  -- the domain's number
    outcome     text NOT NULL,    -- running, succeeded, failed, superseded, awaited
    class       text,
    message     text,
    deleted     boolean,          -- of a compensation: whether something was deleted
    started_at  timestamptz NOT NULL,
    finished_at timestamptz,
    duration_ms bigint,
    PRIMARY KEY (run_id, step, ordinal)
);
