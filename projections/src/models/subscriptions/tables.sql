CREATE TABLE subscriptions (
    id              text PRIMARY KEY, -- chat, payments/chat
    project         text,             -- none: the platform's
    name            text NOT NULL,
    url             text NOT NULL,
    events          text[] NOT NULL,
    enabled         boolean NOT NULL,
    disabled_reason text,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    version         bigint NOT NULL,
    state           jsonb NOT NULL    -- the aggregate, for the next event
);
CREATE INDEX subscriptions_project ON subscriptions (project, name);
