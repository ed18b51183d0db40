"""Help for tests with real servers: processes, databases, clients, the referee."""
