"""Processes: devices, ranks, jobs that run side by side, progress, interrupts."""
