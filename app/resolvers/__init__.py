"""Root fields: one file per aggregate. A resolver parses, calls one service, converts."""
