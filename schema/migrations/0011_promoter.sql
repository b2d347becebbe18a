-- The promoter's notes on the journal: which environments have a promotion that waits, and which run something.
-- Rebuilt from the journal by deleting the contents of both tables.

CREATE TABLE promoter_checkpoint (
    singleton      boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    transaction_id bigint NOT NULL,
    position       bigint NOT NULL
);

CREATE TABLE promoter_environments (
    environment text PRIMARY KEY,
    waiting     boolean NOT NULL,
    deployed    boolean NOT NULL
);

CREATE INDEX promoter_waiting ON promoter_environments (environment) WHERE waiting;

COMMENT ON TABLE promoter_environments IS 'Environments of services (project/service/ENV), up to promoter_checkpoint.';
