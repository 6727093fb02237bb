"""Beginning a ledger with the history that another tool has kept in the database.

`registry` names the tools, one module each; `find` looks for their tables, `take` turns what one of them says
into rows of a ledger. Looking writes nothing: the rows are written when the ledger is made, in the same
transaction, and only if the other tool's table still says the same.
"""
