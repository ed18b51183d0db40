"""What tests with real servers need: processes, databases, clients, the referee."""
