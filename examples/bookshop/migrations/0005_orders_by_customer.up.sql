-- "My orders, newest first" is the page that is opened most.
CREATE INDEX orders_by_customer ON orders (customer_id, placed_at DESC);
