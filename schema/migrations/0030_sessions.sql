-- Signing in with a browser. Nothing here is needed for good: with these tables emptied, everybody signs in again.
-- Ids are SHA-256 of what the browser holds; what is sealed is encrypted with `session.key`.

CREATE TABLE sign_in_attempts (
    state      bytea PRIMARY KEY,
    browser    bytea NOT NULL,
    sealed     bytea NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE INDEX sign_in_attempts_expiry ON sign_in_attempts (expires_at);

CREATE TABLE sessions (
    id             bytea PRIMARY KEY,
    subject        text NOT NULL,
    -- The provider's name of its own session: back-channel logout names it.
    sid            text,
    sealed         bytea NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    last_seen_at   timestamptz NOT NULL DEFAULT now(),
    expires_at     timestamptz NOT NULL,
    -- When the tokens are to be renewed; null where the provider gave nothing to renew them with.
    renew_at       timestamptz,
    -- Until when somebody is at it.
    renewing_until timestamptz
);

CREATE INDEX sessions_subject ON sessions (subject);
CREATE INDEX sessions_sid ON sessions (sid) WHERE sid IS NOT NULL;
CREATE INDEX sessions_last_seen ON sessions (last_seen_at);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE logout_tokens (
    jti        bytea PRIMARY KEY,
    expires_at timestamptz NOT NULL
);

CREATE INDEX logout_tokens_expiry ON logout_tokens (expires_at);

COMMENT ON TABLE sign_in_attempts IS 'Sign-ins that wait for the provider to send the browser back. Each is used once.';
COMMENT ON TABLE sessions IS 'Browsers that are signed in.';
COMMENT ON TABLE logout_tokens IS 'Logout tokens that were taken, by the digest of their jti: none is taken twice.';
