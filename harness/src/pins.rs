//! (pins)
