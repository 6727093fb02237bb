-- A shop that has been open for a year: 1,200 customers, 600 books by 80 authors, 3,000 orders.
--
-- For the schema after 0003. Always the same rows: nothing here depends on the clock or on chance, so that
-- checksums can be compared between runs.
BEGIN;

INSERT INTO customers (name, email, created_at)
SELECT
    CASE
        WHEN i % 97 = 0 THEN first  -- some people have one name
        WHEN i % 89 = 0 THEN first || ' van der ' || last
        ELSE first || ' ' || last
    END,
    lower(first) || '.' || i || '@example.org',
    timestamptz '2025-01-01 08:00:00+00' + i * interval '6 hours'
FROM (
    SELECT
        i,
        (ARRAY['Ada', 'Björn', 'Chidi', 'Dolores', 'Emre', 'Fatima', 'Goran', 'Hana', 'Ines', 'Jun',
               'Kofi', 'Lena', 'Mirza', 'Nadia', 'Óscar', 'Priya', 'Quentin', 'Rosa', 'Sami'])[1 + i % 19] AS first,
        (ARRAY['Abe', 'Brandt', 'Costa', 'Dvořák', 'Eriksen', 'Fischer', 'García', 'Haddad', 'Ivanova',
               'Jansen', 'Kim', 'Larsen', 'Moreau', 'Nowak', 'O''Neill', 'Petrov', 'Rossi'])[1 + i % 17] AS last
    FROM generate_series(1, 1200) AS i
) AS people
ORDER BY i;

INSERT INTO authors (name)
SELECT 'Author ' || to_char(i, 'FM000') FROM generate_series(1, 80) AS i ORDER BY i;

INSERT INTO books (author_id, isbn, title, price_cents)
SELECT
    1 + i * 7 % 80,
    '978-0-' || to_char(i, 'FM000000') || '-' || i % 10,
    (ARRAY['A History of', 'Notes on', 'The Grammar of', 'Beyond', 'Letters about', 'A Field Guide to',
           'The Last of'])[1 + i % 7]
        || ' ' ||
    (ARRAY['Mountains', 'Railways', 'Lighthouses', 'Bridges', 'Gardens', 'Rivers', 'Clocks', 'Bees', 'Maps',
           'Winters', 'Orchards'])[1 + i % 11]
        || ', vol. ' || 1 + i / 77,
    500 + i * 37 % 4500
FROM generate_series(1, 600) AS i
ORDER BY i;

INSERT INTO orders (customer_id, placed_at, paid_at, shipped_at, cancelled_at)
SELECT
    1 + i * 31 % 1200,
    placed,
    CASE WHEN i % 10 <> 9 THEN placed + interval '5 minutes' END,
    CASE WHEN i % 10 < 7 THEN placed + interval '2 days' END,
    CASE WHEN i % 10 = 8 THEN placed + interval '1 day' END
FROM (
    SELECT i, timestamptz '2025-02-01 09:00:00+00' + i * interval '2 hours 50 minutes' AS placed
    FROM generate_series(1, 3000) AS i
) AS days
ORDER BY i;

-- One to four lines each: the books differ within an order, because 149 is prime to 600.
INSERT INTO order_lines (order_id, book_id, quantity, price_cents)
SELECT i, book.id, 1 + (i + n) % 3, book.price_cents
FROM generate_series(1, 3000) AS i
CROSS JOIN LATERAL generate_series(0, i % 4) AS n
JOIN books AS book ON book.id = 1 + (i * 13 + n * 149) % 600
ORDER BY i, n;

COMMIT;
