"""What is refused before anything starts: whatever a definition asks for and cannot have on this machine."""
