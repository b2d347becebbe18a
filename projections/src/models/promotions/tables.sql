-- One row for each environment that a service has or had: the matrix shows those that are there.
CREATE TABLE environments (
    project           text NOT NULL,
    service           text NOT NULL,
    environment       text NOT NULL,
    ordinal           integer NOT NULL, -- the order of promotion
    present           boolean NOT NULL, -- the service has it
    release           text,             -- what runs here
    promotion_id      uuid,             -- what brought it
    images            jsonb NOT NULL,
    since             timestamptz,
    health            text,
    drift             jsonb,            -- what runs of the components that differ
    drift_since       timestamptz,
    in_flight_id      uuid,
    in_flight_release text,
    in_flight_state   text,
    waiting           integer NOT NULL, -- promotions that wait for the one in flight
    updated_at        timestamptz NOT NULL,
    sequence          bigint NOT NULL,  -- of the stream's newest event; 0 where nothing happened yet
    state             jsonb NOT NULL,   -- the aggregate without its history, for the next event
    PRIMARY KEY (project, service, environment)
);
CREATE INDEX environments_release ON environments (project, service, release);

CREATE TABLE promotions (
    id               uuid PRIMARY KEY,
    project          text NOT NULL,
    service          text NOT NULL,
    environment      text NOT NULL,
    kind             text NOT NULL,
    release          text NOT NULL,
    images           jsonb NOT NULL,
    requester        text NOT NULL,
    authors          text[] NOT NULL,
    authors_by_id    boolean NOT NULL, -- all of them: who has no name can be told from them
    change_reference text,
    state            text NOT NULL,
    policy_platform  bigint NOT NULL,  -- version by which the gates were looked at; 0 for the rules that come along
    policy_project   bigint NOT NULL,
    gates            jsonb NOT NULL,   -- as last looked at
    approvals        jsonb NOT NULL,   -- those that count
    approvals_voided integer NOT NULL,
    wanted_roles     text[] NOT NULL,  -- in which somebody may approve; empty where nobody has to any more
    independent_approvers boolean NOT NULL, -- who wrote what is in the release does not approve it
    freeze_override  jsonb,
    run_id           uuid,
    cause            text,             -- why it failed or was rolled back; the reason of who ended it
    left_behind      boolean NOT NULL,
    back_to          text,             -- the release that runs again, of one that was rolled back
    ended_by         text,             -- who rejected or cancelled it
    requested_at     timestamptz NOT NULL,
    evaluated_at     timestamptz,
    started_at       timestamptz,
    finished_at      timestamptz,
    updated_at       timestamptz NOT NULL,
    transaction_id   bigint NOT NULL,  -- of the request: the order of the list
    position         bigint NOT NULL,
    end_transaction_id bigint,         -- of the end: the order of the history
    end_position     bigint
);
CREATE INDEX promotions_newest ON promotions (transaction_id, position);
CREATE INDEX promotions_project ON promotions (project, transaction_id, position);
CREATE INDEX promotions_place ON promotions (project, service, environment, transaction_id, position);
CREATE INDEX promotions_state ON promotions (state, transaction_id, position);
CREATE INDEX promotions_environment ON promotions (environment, transaction_id, position);
CREATE INDEX promotions_open ON promotions (transaction_id, position) WHERE finished_at IS NULL;
CREATE INDEX promotions_wanted ON promotions (transaction_id, position) WHERE wanted_roles <> '{}';
CREATE INDEX promotions_ended ON promotions (project, service, environment, end_transaction_id, end_position)
    WHERE finished_at IS NOT NULL;
CREATE INDEX promotions_release ON promotions (project, service, release, transaction_id, position);
