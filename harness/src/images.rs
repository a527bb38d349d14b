//! (images)
