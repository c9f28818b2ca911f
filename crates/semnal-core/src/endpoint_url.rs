//! Endpoint URLs: the gate that judges the raw text before anything is resolved.
