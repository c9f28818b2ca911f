//! Moves deliveries from due to done.
