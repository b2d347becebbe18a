-- Outcomes of attempts that began before a subscription was sent elsewhere, pinged or replayed say nothing of what came
-- after; and a ping comes before what waits.

ALTER TABLE notification_subscriptions ADD COLUMN resets bigint NOT NULL DEFAULT 0;

COMMENT ON COLUMN notification_subscriptions.resets IS 'How often its receiver was to be tried at once: an attempt from before is noted only where it delivered.';
COMMENT ON COLUMN notification_subscriptions.not_before IS 'Nothing is sent before; who was served last waits longest for its turn.';

CREATE INDEX notification_deliveries_pings ON notification_deliveries (subscription, transaction_id, position)
    WHERE state = 'waiting' AND event_type = 'opstella.Subscription.SubscriptionPinged';
