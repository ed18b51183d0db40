"""What tests with real servers are made of: processes, databases, clients, the referee."""
