"""Everything that writes the sub-ledger: one transaction per posting, all of it or nothing."""
