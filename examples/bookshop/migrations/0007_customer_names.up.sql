-- One name becomes two, split at the first space. Whoever has a single name has no last name (NULL).
-- Renaming keeps the column where it is, so that the way back restores the table to the letter.
ALTER TABLE customers RENAME COLUMN name TO first_name;
ALTER TABLE customers RENAME CONSTRAINT customers_name_check TO customers_first_name_check;
ALTER TABLE customers ADD COLUMN last_name text;

UPDATE customers
SET first_name = substr(first_name, 1, strpos(first_name, ' ') - 1),
    last_name  = substr(first_name, strpos(first_name, ' ') + 1)
WHERE strpos(first_name, ' ') > 1;
