"""Commands and their rules, one module per aggregate. A service never commits."""
