-- Whose sessions a logout token ended, and when it came: a session that begins meanwhile is one of them.

ALTER TABLE logout_tokens
    ADD COLUMN sid      text,
    ADD COLUMN subject  text,
    ADD COLUMN taken_at timestamptz NOT NULL DEFAULT now();

CREATE INDEX logout_tokens_sid ON logout_tokens (sid) WHERE sid IS NOT NULL;
CREATE INDEX logout_tokens_subject ON logout_tokens (subject) WHERE subject IS NOT NULL;
