-- One word for the state of an order. The timestamps stay: they are what the word is derived from, and
-- what makes the way back free of loss.
CREATE TYPE order_status AS ENUM ('placed', 'paid', 'shipped', 'cancelled');

ALTER TABLE orders ADD COLUMN status order_status NOT NULL DEFAULT 'placed';

UPDATE orders
SET status = CASE
        WHEN cancelled_at IS NOT NULL THEN 'cancelled'
        WHEN shipped_at IS NOT NULL THEN 'shipped'
        ELSE 'paid'
    END::order_status
WHERE coalesce(cancelled_at, shipped_at, paid_at) IS NOT NULL;
