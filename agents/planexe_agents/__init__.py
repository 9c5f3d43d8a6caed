"""The agents of planexe-dag-factory: their protocol, an SDK to write more, and four that do real work."""
