"""Files: written whole or not at all, read only when they verify."""
