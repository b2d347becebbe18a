-- Looks at gates that were asked for and not made yet: durable, so that the checkpoint need not wait for them, and in turn,
-- so that a policy of the platform does not hold back what follows from one report.

ALTER TABLE promoter_environments
    ADD COLUMN asked  bigint NOT NULL DEFAULT 0,
    ADD COLUMN looked bigint NOT NULL DEFAULT 0,
    ADD COLUMN turn   timestamptz NOT NULL DEFAULT clock_timestamp();

CREATE INDEX promoter_asked ON promoter_environments (turn) WHERE asked > looked;

COMMENT ON COLUMN promoter_environments.asked IS 'How often a look at the gates was asked for; one that was made counts for all that were asked for before it.';
COMMENT ON COLUMN promoter_environments.looked IS 'Up to which of them a look was made.';
COMMENT ON COLUMN promoter_environments.turn IS 'Whose turn comes first: when the look was asked for, and later where the same event asked for many.';

-- Releases that DEV refused are asked for with pauses that grow.
ALTER TABLE promoter_releases
    ADD COLUMN refusals integer NOT NULL DEFAULT 1,
    ADD COLUMN due_at   timestamptz NOT NULL DEFAULT clock_timestamp();

CREATE INDEX promoter_releases_due ON promoter_releases (due_at);
