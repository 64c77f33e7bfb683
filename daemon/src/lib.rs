//! companiond, the daemon.
