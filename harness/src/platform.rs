//! (platform)
