-- The notifier's bookkeeping: which subscription has been told of what. Subscriptions themselves are in the journal.
-- Deleting the contents of all but notification_key makes a notifier begin with the first event again; receivers then
-- get again, under the same ids, what they had already.

-- What secrets are derived from where notifications.signing_key is not set: in a table of its own, so that no event, read
-- model or view leads to it. Made once; without it all receivers need new secrets.
CREATE TABLE notification_key (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    key       bytea NOT NULL CHECK (length(key) = 32),
    made_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE notification_checkpoint (
    singleton      boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    transaction_id bigint NOT NULL,
    position       bigint NOT NULL
);

CREATE TABLE notification_subscriptions (
    subscription   text PRIMARY KEY,             -- chat, payments/chat
    enabled        boolean NOT NULL DEFAULT true,
    transaction_id bigint,                       -- its own checkpoint, where it is behind notification_checkpoint:
    position       bigint,                       -- its backlog was full
    failures       integer NOT NULL DEFAULT 0,   -- attempts in a row that found the receiver away
    not_before     timestamptz NOT NULL DEFAULT clock_timestamp(), -- nothing is sent before
    CHECK ((transaction_id IS NULL) = (position IS NULL))
);

CREATE TABLE notification_deliveries (
    subscription    text NOT NULL REFERENCES notification_subscriptions ON DELETE CASCADE,
    transaction_id  bigint NOT NULL,             -- the event's place in the journal
    position        bigint NOT NULL,
    event_type      text NOT NULL,               -- as CloudEvents call it: opstella.Run.RunStuck
    subject         text NOT NULL,
    state           text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'dead')),
    attempts        integer NOT NULL DEFAULT 0,
    rejections      integer NOT NULL DEFAULT 0,  -- attempts that the receiver answered with no
    queued_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_attempt_at timestamptz,
    last_status     integer,                     -- of HTTP, where there was an answer
    last_error      text,
    ended_at        timestamptz,
    PRIMARY KEY (subscription, transaction_id, position)
);

CREATE INDEX notification_deliveries_waiting ON notification_deliveries (subscription, transaction_id, position)
    WHERE state = 'waiting';
CREATE INDEX notification_deliveries_dead ON notification_deliveries (subscription, transaction_id, position)
    WHERE state = 'dead';
CREATE INDEX notification_deliveries_ended ON notification_deliveries (ended_at) WHERE state <> 'waiting';

COMMENT ON TABLE notification_deliveries IS 'Events on their way to receivers, delivered to them, or given up (dead).';
