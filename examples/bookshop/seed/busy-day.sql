-- What customers do while the bad migration is live: 150 orders, each of one book at a tenth of its price,
-- and each with a voucher. For the schema after 0008.
BEGIN;

WITH placed AS (
    INSERT INTO orders (customer_id, status, placed_at, paid_at)
    SELECT 1 + i * 17 % 1200, 'paid', moment, moment + interval '1 minute'
    FROM (
        SELECT i, timestamptz '2026-03-20 10:00:00+00' + i * interval '20 seconds' AS moment
        FROM generate_series(1, 150) AS i
    ) AS moments
    ORDER BY i
    RETURNING id, customer_id, placed_at
), lines AS (
    INSERT INTO order_lines (order_id, book_id, quantity, price_cents)
    SELECT placed.id, book.id, 2, book.price_cents
    FROM placed JOIN books AS book ON book.id = 1 + placed.id % 600
)
INSERT INTO vouchers (customer_id, order_id, code, cents, issued_at)
SELECT customer_id, id, 'SPRING-' || to_char(id, 'FM000000'), 500, placed_at FROM placed ORDER BY id;

UPDATE orders
SET total_cents = (SELECT sum(quantity * price_cents) FROM order_lines WHERE order_id = orders.id)
WHERE id IN (SELECT order_id FROM vouchers);

COMMIT;
