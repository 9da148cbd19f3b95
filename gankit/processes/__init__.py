"""Processes: devices, ranks, jobs that run beside each other, progress, interrupts."""
