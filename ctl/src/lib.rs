//! The command line of companiond.
