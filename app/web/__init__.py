"""What people and programs may look at: rows of the tables, an overview, a page; and whether the worker is well."""
