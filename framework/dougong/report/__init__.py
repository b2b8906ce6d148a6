"""Many runs in one page: collected from their folders, and written as a single file that opens without a network."""
