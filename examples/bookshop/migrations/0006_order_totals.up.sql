-- The total of an order is read a hundred times for each time it changes: keep it in the order.
ALTER TABLE orders ADD COLUMN total_cents bigint;

UPDATE orders
SET total_cents = coalesce(
    (SELECT sum(line.quantity * line.price_cents) FROM order_lines AS line WHERE line.order_id = orders.id),
    0
);

ALTER TABLE orders
    ALTER COLUMN total_cents SET DEFAULT 0,
    ALTER COLUMN total_cents SET NOT NULL,
    ADD CONSTRAINT orders_total_not_negative CHECK (total_cents >= 0);
