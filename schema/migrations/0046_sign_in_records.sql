-- Signing out is on record also where the process dies in between: a session that ended stays until its end is an event.
-- And who signed in elsewhere and comes with a bearer token is on record, once a session.

ALTER TABLE sessions
    ADD COLUMN ended_at timestamptz,
    -- By whom and why: what the event says.
    ADD COLUMN ending   jsonb;

CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE bearer_sessions (
    -- SHA-256 of subject, client, and the provider's name of its session.
    id           bytea PRIMARY KEY,
    began_at     timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    -- Whether the event is stored.
    recorded     boolean NOT NULL DEFAULT false
);

CREATE INDEX bearer_sessions_last_seen ON bearer_sessions (last_seen_at);

COMMENT ON COLUMN sessions.ended_at IS 'The session is over; its row waits for the event that says so.';
COMMENT ON TABLE bearer_sessions IS 'Sign-ins of people who come with bearer tokens: each is recorded once.';
