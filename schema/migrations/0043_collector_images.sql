-- The collector's notes on images that are carried somewhere or run somewhere: whether a tool scanned them again is asked for
-- now and then. Rebuilt from the journal with the collector's other notes.

-- What waits or runs already is found by following the journal from its beginning.
DELETE FROM collector_checkpoint;

CREATE TABLE collector_images (
    environment text NOT NULL,
    component   text NOT NULL,
    digest      text NOT NULL,
    release     text NOT NULL,
    due_at      timestamptz NOT NULL,
    PRIMARY KEY (environment, component, digest)
);

CREATE INDEX collector_images_due ON collector_images (due_at);
CREATE INDEX collector_images_image ON collector_images (component, digest);

COMMENT ON TABLE collector_images IS 'Images (project/service/component, digest) that wait to come into an environment (project/service/ENV), or run there.';
COMMENT ON COLUMN collector_images.release IS 'A release with the image: project/service/version.';
